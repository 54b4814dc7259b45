#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/support/test_postgres.h"

namespace authstate::conformance {
namespace {

// One server for all tests of this process; each test has a database of its own.
class PostgresServer final : public testing::Environment {
 public:
  void SetUp() override {
    auto postgres = test::TestPostgres::Create();
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    postgres_ = *std::move(postgres);
  }
  void TearDown() override { postgres_.reset(); }

  absl::StatusOr<std::string> NewDatabase() { return postgres_->NewDatabase(); }

 private:
  std::unique_ptr<test::TestPostgres> postgres_;
};

PostgresServer* const server =
    dynamic_cast<PostgresServer*>(testing::AddGlobalTestEnvironment(std::make_unique<PostgresServer>().release()));

class PostgresStore final : public StoreUnderTest {
 public:
  explicit PostgresStore(std::string url) : url_(std::move(url)) {}

  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::PostgresOptions options;
    options.url = url_;
    return storage::OpenPostgresBackend(options);
  }
  bool durable() const override { return true; }

 private:
  const std::string url_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() {
  auto url = server->NewDatabase();
  if (!url.ok()) return url.status();
  return std::make_unique<PostgresStore>(*std::move(url));
}

}  // namespace authstate::conformance
