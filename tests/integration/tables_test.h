#ifndef AUTHSTATE_TESTS_INTEGRATION_TABLES_TEST_H_
#define AUTHSTATE_TESTS_INTEGRATION_TABLES_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"

namespace authstate {

// Two PostgreSQL servers, as Supabase and Timeweb are, with an empty database in each for every test. One of them is
// the newest that there is, as a provider's may be years ahead of the other's.
class TablesTest : public testing::Test {
 protected:
  static constexpr char kMessages[] =
      "INSERT INTO messages (id, company_id, phone, direction, body, created_at) SELECT md5('message ' || i)::uuid, "
      "962302, '7999' || i, 'in', 'текст ' || i, timestamptz '2025-10-15 00:00:00+00' + i * interval '6 hours' "
      "FROM generate_series(1, 200) i";

  static void SetUpTestSuite() { StartServers(/*newest_is_source=*/false); }
  static void StartServers(bool newest_is_source) {
    for (const bool source : {true, false}) {
      test::TestPostgres::Options options;
      // So that nothing but the test writes.
      options.settings = {"autovacuum=off"};
      options.newest = source == newest_is_source;
      options.own_identifier = true;
      auto started = test::TestPostgres::Create(std::move(options));
      ASSERT_TRUE(started.ok()) << started.status();
      (source ? source_server_ : target_server_) = *std::move(started);
    }
  }
  static void TearDownTestSuite() {
    source_server_.reset();
    target_server_.reset();
  }

  void SetUp() override {
    for (const bool source : {true, false}) {
      auto url = (source ? source_server_ : target_server_)->NewDatabase();
      ASSERT_TRUE(url.ok()) << url.status();
      (source ? source_ : target_) = *std::move(url);
    }
  }

  static test::TestPostgres& source_server() { return *source_server_; }
  static test::TestPostgres& target_server() { return *target_server_; }
  const std::string& source() const { return source_; }
  const std::string& target() const { return target_; }
  void UseTarget(std::string url) { target_ = std::move(url); }

  static void Sql(const std::string& url, const std::string& sql) {
    const absl::Status run = test::TestPostgres::Run(url, sql);
    ASSERT_TRUE(run.ok()) << run << " of " << sql.substr(0, 500);
  }
  static std::string Ask(const std::string& url, const std::string& sql) {
    const auto answer = test::TestPostgres::Query(url, sql);
    EXPECT_TRUE(answer.ok()) << answer.status() << " of " << sql;
    return answer.value_or("");
  }
  void OnBoth(const std::string& sql) const {
    Sql(source_, sql);
    Sql(target_, sql);
  }

  // A script of tests/live_schema, its rows times `scale`.
  static void Load(const std::string& url, const std::string& name, int scale = 1) {
    std::ifstream file(absl::StrCat(AUTHSTATE_LIVE_SCHEMA_DIR, "/", name));
    ASSERT_TRUE(file.is_open()) << name;
    const std::string script((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    Sql(url, absl::StrCat("SET live_schema.scale = ", scale, "; ", script));
  }

  // The live system in the source, with messages of some months, and its tables in the target.
  void LoadLive() const {
    Load(source_, "live.sql");
    Load(source_, "rows.sql");
    Sql(source_, kMessages);
    Load(target_, "live.sql");
  }

  std::unique_ptr<test::Subprocess> Start(std::vector<std::string> words) const {
    std::vector<std::string> argv = {test::ProgramPath("authstatectl"), "tables"};
    argv.insert(argv.end(), words.begin(), words.end());
    for (const char* const word : {"--from", "supabase", "--to", "timeweb"}) argv.emplace_back(word);
    argv.push_back(absl::StrCat("--supabase-url=", source_, "?sslmode=disable"));
    argv.push_back(absl::StrCat("--timeweb-url=", target_, "?sslmode=disable"));
    auto process = test::Subprocess::Start({std::move(argv), {}});
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }
  CliResult Run(std::vector<std::string> words) const {
    const auto process = Start(std::move(words));
    CliResult result;
    if (process == nullptr) return result;
    const auto exit = process->Wait(absl::Minutes(5));
    EXPECT_TRUE(exit.ok()) << exit.status();
    if (exit.ok()) result.code = exit->code.value_or(-1);
    result.out = process->output(test::Subprocess::Stream::kStdout);
    result.err = process->output(test::Subprocess::Stream::kStderr);
    return result;
  }
  // With what `words` begin, and --json; the answer, once it ended with `code`.
  nlohmann::json Json(std::vector<std::string> words, int code = kOk) const {
    words.emplace_back("--json");
    const CliResult result = Run(words);
    EXPECT_EQ(result.code, code) << result.out << result.err;
    return result.OutJson();
  }
  nlohmann::json Sync(std::vector<std::string> more = {}, int code = kOk) const {
    more.insert(more.begin(), "sync");
    return Json(std::move(more), code);
  }
  nlohmann::json Verify(int code = kOk, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), "verify");
    return Json(std::move(more), code);
  }

  static const nlohmann::json& TableOf(const nlohmann::json& answer, const std::string& name) {
    static const nlohmann::json none;
    for (const nlohmann::json& table : answer.at("tables")) {
      if (table.at("table") == name) return table;
    }
    ADD_FAILURE() << "no table " << name << " in " << answer;
    return none;
  }
  // The ids of the findings.
  static std::vector<std::string> Ids(const nlohmann::json& findings) {
    std::vector<std::string> ids;
    for (const nlohmann::json& finding : findings) ids.push_back(finding.at("id"));
    return ids;
  }
  // Everything that a table holds, in the order of `key`.
  static std::string Contents(const std::string& url, const std::string& table, const std::string& key) {
    return Ask(url, absl::StrCat("SET TimeZone = 'UTC'; SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY ", key,
                                 "), '') FROM ", table, " t"));
  }

  std::string File(const std::string& name) const { return directory_.File(name); }

 private:
  static inline std::unique_ptr<test::TestPostgres> source_server_;
  static inline std::unique_ptr<test::TestPostgres> target_server_;
  test::TempDir directory_;
  std::string source_;
  std::string target_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_TABLES_TEST_H_
