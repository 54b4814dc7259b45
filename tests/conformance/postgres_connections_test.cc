// What the PostgreSQL driver does when connections break, are too few, or lead to a database that takes no writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/conformance/postgres_backend_test.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

TEST_F(PostgresBackendTest, OutageIsAnErrorNeverAbsenceAndEndsByItself) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  ASSERT_TRUE(postgres().Stop().ok());

  for (int i = 0; i < 20; ++i) {
    const auto read = Read("s", {{"t", "1"}});
    EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable) << read.status();
    EXPECT_TRUE(RetryDelayOf(read.status()).has_value());
    const absl::Status applied = Apply({SetKey("s", "2")}).front().status();
    EXPECT_EQ(applied.code(), absl::StatusCode::kUnavailable) << applied;
    // The connections were seen to be broken before anything was sent.
    EXPECT_EQ(OutcomeOf(applied), Outcome::kNotApplied) << applied;
    EXPECT_EQ(Snap("s").status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Ping().code(), absl::StatusCode::kUnavailable);

  ASSERT_TRUE(postgres().Start().ok());
  ASSERT_TRUE(AwaitHealth().ok());
}

TEST_F(PostgresBackendTest, ConnectionsEndedWhileIdleAreReplacedUnseen) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  for (int i = 0; i < 10; ++i) {
    Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
    const auto applied = Apply({SetKey("s", "2")});
    EXPECT_TRUE(applied.front().ok()) << applied.front().status();
    EXPECT_TRUE(Read("s").ok());
  }
}

TEST_F(PostgresBackendTest, SnapshotsBeyondTheirConnectionsAreRefused) {
  // One is for signs of life, and half of the others for snapshots.
  options().connections = 5;
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  auto first = Snap("s");
  const auto second = Snap("s");
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = Snap("s");
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted) << third.status();
  EXPECT_TRUE(RetryDelayOf(third.status()).has_value());
  first->reset();
  EXPECT_TRUE(Snap("s").ok());
}

TEST_F(PostgresBackendTest, SnapshotWhoseConnectionBrokeFailsAndIsNotContinuedElsewhere) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  auto snapshot = Snap("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  for (int i = 0; i < 2; ++i) {
    Answer<absl::StatusOr<Snapshot::Page>> page;
    (*snapshot)->Next(1000, absl::Now() + kPatience, page.Done());
    EXPECT_EQ(page.Await().status().code(), absl::StatusCode::kUnavailable);
  }
  snapshot->reset();
  EXPECT_TRUE(Snap("s").ok());
}

// A standby that was promoted elsewhere, or a host that turns a database read-only because its disk is full.
TEST_F(PostgresBackendTest, ReadOnlyDatabaseIsNamedAndServesAgain) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  const std::string database = url().substr(url().rfind('/') + 1);
  Sql(absl::StrCat("ALTER DATABASE ", database, " SET default_transaction_read_only = on"));
  CutConnections();
  for (const absl::Status& status : {Apply({SetKey("s", "2")}).front().status(), Read("s").status(), Ping()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), std::string(kDatabaseReadOnly)) << status;
    EXPECT_TRUE(RetryDelayOf(status).has_value());
  }
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(ReasonOf(opened), std::string(kDatabaseReadOnly)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("disk is full"));
  const absl::Status writable = TestPostgres::Run(
      postgres().url(), absl::StrCat("ALTER DATABASE ", database, " RESET default_transaction_read_only"));
  ASSERT_TRUE(writable.ok()) << writable;
  AwaitServing();
  EXPECT_TRUE(Apply({SetKey("s", "2")}).front().ok());
}

// Connections that are there stay, and each statement is told so.
TEST_F(PostgresBackendTest, SignOfLifeSeesThatADatabaseTurnedReadOnly) {
  Open();
  EXPECT_TRUE(Ping().ok());
  for (const char* sql : {"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"}) Sql(sql);
  const std::string writing = absl::StrCat(url(), "?options=-c%20default_transaction_read_only%3Doff");
  absl::Status ping;
  do {
    ping = Ping();
  } while (ping.ok());
  for (const char* sql : {"ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"}) {
    const absl::Status reset = TestPostgres::Run(writing, sql);
    EXPECT_TRUE(reset.ok()) << reset;
  }
  EXPECT_EQ(ReasonOf(ping), std::string(kDatabaseReadOnly)) << ping;
  AwaitServing();
}

TEST_F(PostgresBackendTest, RoleWithoutAConnectionToSpareIsNamed) {
  OwnByRole("CONNECTION LIMIT 100");
  Open();
  AwaitApplied(SetKey("s", "1"));
  LimitConnections(0);
  CutConnections();
  for (const absl::Status& status : {Apply({SetKey("s", "2")}).front().status(), Snap("s").status(), Ping()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), std::string(kTooManyConnections)) << status;
    EXPECT_TRUE(RetryDelayOf(status).has_value());
  }
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(ReasonOf(opened), std::string(kTooManyConnections)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("--postgres-connections"));
}

// All at once, so that every connection is wanted: none is made beyond the number.
TEST_F(PostgresBackendTest, OneNumberBoundsAllConnections) {
  OwnByRole("CONNECTION LIMIT 3");
  options().connections = kLeastPostgresConnections;
  Open();
  // The server takes a moment to forget the connections of the start.
  AwaitApplied(SetKey("s", "1"));
  AwaitServing();
  constexpr int kCalls = 20;
  for (int round = 0; round < 5; ++round) {
    auto snapshot = Snap("s");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> commits(kCalls);
    for (int i = 0; i < kCalls; ++i) {
      backend().Apply({SetKey(absl::StrCat("s", i), "1")}, absl::Now() + kPatience, commits[i].Done());
    }
    EXPECT_TRUE(Ping().ok());
    for (auto& commit : commits) {
      const auto applied = commit.Await().front();
      EXPECT_TRUE(applied.ok()) << applied.status();
    }
  }
}

// A role that may have fewer connections than the number: what it gets serves, snapshots too.
TEST_F(PostgresBackendTest, FewerConnectionsThanTheNumberServe) {
  OwnByRole("CONNECTION LIMIT 4");
  Open();
  AwaitApplied(SetKey("s", "1"));
  constexpr int kCalls = 100;
  std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> commits(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    backend().Apply({SetKey(absl::StrCat("s", i), "1")}, absl::Now() + kPatience, commits[i].Done());
    if (i % 10 != 0) continue;
    // Asked again as clients do: so long as connections are being made it may be refused.
    const absl::Time end = absl::Now() + kPatience;
    absl::Status opened;
    do {
      opened = Snap("s").status();
    } while (!opened.ok() && absl::Now() < end);
    EXPECT_TRUE(opened.ok()) << opened;
  }
  AwaitServing();
  for (auto& commit : commits) {
    const auto applied = commit.Await().front();
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
}

TEST_F(PostgresBackendTest, RoleWithTooFewConnectionsIsRefusedAtTheStart) {
  OwnByRole("CONNECTION LIMIT 2");
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(opened.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(opened), std::string(kTooManyConnections)) << opened;
}

// The sign of life has its connection, and nobody else gets one.
TEST_F(PostgresBackendTest, SignOfLifeSeesThatTooFewConnectionsAreLeft) {
  OwnByRole("CONNECTION LIMIT 3");
  options().connections = kLeastPostgresConnections;
  Open();
  AwaitApplied(SetKey("s", "1"));
  AwaitServing();
  LimitConnections(1);
  CutConnections();
  absl::Status ping;
  const absl::Time end = absl::Now() + kPatience;
  do {
    ping = Ping();
    // What is asked finds out that its connection is gone.
    Apply({SetKey("s", "1")});
  } while (ping.ok() && absl::Now() < end);
  EXPECT_EQ(ReasonOf(ping), std::string(kTooManyConnections)) << ping;
  LimitConnections(-1);
  // Without any call.
  AwaitServing();
  EXPECT_EQ(Snap("nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PostgresBackendTest, FullQueueRefusesAtOnce) {
  options().queue_limit = 0;
  Open();
  const absl::Status status = Apply({SetKey("s", "1")}).front().status();
  EXPECT_EQ(ReasonOf(status), std::string(kQueueFull));
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
}

}  // namespace
}  // namespace authstate::storage
