#ifndef AUTHSTATE_TESTS_INTEGRATION_DECOMMISSION_TEST_H_
#define AUTHSTATE_TESTS_INTEGRATION_DECOMMISSION_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "migrations/decommission/decommission.h"
#include "tests/integration/tables_test.h"

namespace authstate {

// A client that stays connected.
class HeldClient {
 public:
  explicit HeldClient(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    EXPECT_EQ(PQstatus(connection_), CONNECTION_OK) << PQerrorMessage(connection_);
  }
  ~HeldClient() { PQfinish(connection_); }
  HeldClient(const HeldClient&) = delete;
  HeldClient& operator=(const HeldClient&) = delete;

  // What it asks is counted when this returns, not up to ten seconds later.
  void Ask(const std::string& sql) {
    PGresult* const result = PQexec(connection_, absl::StrCat("SELECT pg_stat_force_next_flush(); ", sql).c_str());
    EXPECT_THAT(PQresultStatus(result), testing::AnyOf(PGRES_TUPLES_OK, PGRES_COMMAND_OK))
        << PQerrorMessage(connection_);
    PQclear(result);
  }

 private:
  PGconn* const connection_;
};

// A database that is given up, and one that keeps samples of it.
class DecommissionTest : public TablesTest {
 protected:
  static constexpr absl::Duration kMinute = absl::Minutes(1);
  static constexpr absl::Duration kDay = absl::Hours(24);

  static void SetUpTestSuite() { StartServersAndRoles(/*newest_is_source=*/false); }
  static void StartServersAndRoles(bool newest_is_source) {
    ASSERT_NO_FATAL_FAILURE(StartServers(newest_is_source));
    for (test::TestPostgres* const server : {&source_server(), &target_server()}) {
      ASSERT_TRUE(test::TestPostgres::Run(server->url(), "CREATE ROLE app LOGIN; CREATE ROLE watcher LOGIN").ok());
    }
  }

  void MakeTables() const {
    AskSource(
        "CREATE TABLE clients (id int PRIMARY KEY, name text); CREATE TABLE visits (id int); "
        "INSERT INTO clients VALUES (1, 'a'), (2, 'b'); GRANT ALL ON ALL TABLES IN SCHEMA public TO app");
  }
  // A connection that is gone when this returns, and counted.
  void AskSource(const std::string& sql) const {
    Sql(source(), sql);
    AwaitNobody();
  }
  void AwaitNobody() const {
    const std::string name = source().substr(source().rfind('/') + 1);
    const absl::Status gone = test::TestPostgres::AwaitAnswer(
        source_server().url(), absl::StrCat("SELECT count(*) FROM pg_stat_activity WHERE datname = '", name, "'"), "0");
    ASSERT_TRUE(gone.ok()) << gone;
  }
  static std::string As(const std::string& url, const std::string& role) {
    return absl::StrReplaceAll(url, {{"//postgres@", absl::StrCat("//", role, "@")}});
  }

  profiles::DatabaseOptions Options(const std::string& role = "postgres") const {
    profiles::DatabaseOptions options;
    options.postgres[profiles::BackendChoice::kSupabase].url = absl::StrCat(As(source(), role), "?sslmode=disable");
    options.postgres[profiles::BackendChoice::kTimeweb].url = absl::StrCat(As(target(), role), "?sslmode=disable");
    return options;
  }
  absl::StatusOr<decommission::Sample> TrySample(absl::Time at, const std::string& role = "postgres") const {
    std::vector<std::string> warnings;
    return decommission::Watch(
        Options(role), {}, at, [] { return absl::OkStatus(); }, &warnings);
  }
  // A minute after the one before.
  void Sample() { SampleAt(now_ + kMinute); }
  void SampleAt(absl::Time at) {
    now_ = at;
    const auto sampled = TrySample(now_);
    ASSERT_TRUE(sampled.ok()) << sampled.status();
    statistics_since_ = sampled->statistics_since;
  }
  decommission::Quietness Judge(const decommission::Terms& terms = {}) const {
    std::vector<std::string> warnings;
    const auto result = decommission::ReadQuietness(
        Options(), {}, terms, absl::UnixEpoch(), now_, [] { return absl::OkStatus(); }, &warnings);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(decommission::Quietness());
  }
  // A week of samples that are half a day apart, up to `until`.
  void SampleAWeek(absl::Time until) {
    for (absl::Time at = until - 7 * kDay; at <= until; at += kDay / 2) ASSERT_NO_FATAL_FAILURE(SampleAt(at));
  }
  static decommission::Terms HalfDays() {
    decommission::Terms terms;
    terms.max_gap = kDay / 2;
    return terms;
  }
  // `name: reads inserted updated deleted change`.
  static std::vector<std::string> TablesOf(const decommission::Asked& asked) {
    std::vector<std::string> tables;
    for (const decommission::AskedTable& table : asked.tables) {
      tables.push_back(absl::StrCat(table.name, ": ", table.reads, " ", table.inserted, " ", table.updated, " ",
                                    table.deleted, table.change.empty() ? "" : " ", table.change));
    }
    return tables;
  }
  static std::vector<std::string> ClientsOf(const decommission::Asked& asked) {
    std::vector<std::string> clients;
    for (const decommission::Client& client : asked.clients) {
      clients.push_back(absl::StrCat(client.sessions.role, "/", client.sessions.application, " ",
                                     client.sessions.address, " ", client.sessions.sessions,
                                     client.active ? " active" : ""));
    }
    return clients;
  }
  std::string KeptSamples() const { return Ask(target(), "SELECT count(*) FROM authstate_decommission.samples"); }

  CliResult RunCommand(std::vector<std::string> words) const {
    words.insert(words.begin(), "decommission");
    words.push_back(absl::StrCat("--supabase-url=", source(), "?sslmode=disable"));
    words.push_back(absl::StrCat("--timeweb-url=", target(), "?sslmode=disable"));
    return CliRunner("").Run(std::move(words));
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  // Since when the last sample counts; empty: there was none.
  std::string statistics_since_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_DECOMMISSION_TEST_H_
