#ifndef AUTHSTATE_TESTS_SUPPORT_POSTGRES_TEST_H_
#define AUTHSTATE_TESTS_SUPPORT_POSTGRES_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/test_postgres.h"

namespace authstate::test {

// What `Fixture` sets up, a PostgreSQL for the tests of a suite, and an empty database for each of them.
template <typename Fixture>
class OnPostgres : public Fixture {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(Fixture::SetUpTestSuite());
    auto postgres = TestPostgres::Create();
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    postgres_ = *std::move(postgres);
  }
  static void TearDownTestSuite() {
    postgres_.reset();
    Fixture::TearDownTestSuite();
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Fixture::SetUp());
    UseNewDatabase();
  }

  static TestPostgres& postgres() { return *postgres_; }
  // Leads to the test's database, for the role that owns everything.
  const std::string& url() const { return url_; }
  void UseNewDatabase() {
    auto url = postgres().NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
    url_ = *std::move(url);
  }

  void Sql(const std::string& sql) const {
    const absl::Status run = TestPostgres::Run(url_, sql);
    ASSERT_TRUE(run.ok()) << run << " of " << sql;
  }
  // The first field of the first row, as text.
  std::string Query(const std::string& sql) const {
    const auto answer = TestPostgres::Query(url_, sql);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or("");
  }

 private:
  static inline std::unique_ptr<TestPostgres> postgres_;
  std::string url_;
};

class PostgresTest : public OnPostgres<testing::Test> {};

// The newest PostgreSQL beside that of the distribution, and an empty database in it too for each test.
class TwoPostgresTest : public PostgresTest {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(PostgresTest::SetUpTestSuite());
    TestPostgres::Options options;
    options.newest = true;
    options.own_identifier = true;
    auto newest = TestPostgres::Create(std::move(options));
    ASSERT_TRUE(newest.ok()) << newest.status();
    newest_ = *std::move(newest);
  }
  static void TearDownTestSuite() {
    newest_.reset();
    PostgresTest::TearDownTestSuite();
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(PostgresTest::SetUp());
    auto url = newest_->NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
    newest_url_ = *std::move(url);
  }

  static TestPostgres& newest() { return *newest_; }
  const std::string& newest_url() const { return newest_url_; }

 private:
  static inline std::unique_ptr<TestPostgres> newest_;
  std::string newest_url_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_POSTGRES_TEST_H_
