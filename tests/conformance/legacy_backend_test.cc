// What is particular to the legacy layout: tables that other programs write too, played here by plain SQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"
#include "tests/conformance/postgres_backend_test.h"
#include "tests/support/legacy_tables.h"

namespace authstate::conformance {

// Each test here makes tables of its own.
absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() { return absl::UnimplementedError(""); }

}  // namespace authstate::conformance

namespace authstate::storage {
namespace {

using conformance::Acquire;
using conformance::At;
using conformance::DeleteKeys;
using conformance::FailsWith;
using conformance::Get;
using conformance::IsNotApplied;
using conformance::Json;
using conformance::Raw;
using conformance::SetCreds;
using conformance::SetKeys;
using test::LegacyTables;
using ::testing::HasSubstr;

constexpr auto kAborted = absl::StatusCode::kAborted;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

class LegacyBackendTest : public PostgresBackendTest {
 protected:
  void MakeTables(LegacyTables tables = LegacyTables::kPlain) const {
    const absl::Status made = test::CreateLegacyTables(url(), tables);
    ASSERT_TRUE(made.ok()) << made;
  }
  absl::StatusOr<std::uint64_t> Apply(Commit commit) {
    const auto results = PostgresBackendTest::Apply({std::move(commit)});
    if (!results.front().ok()) return results.front().status();
    return results.front()->revision;
  }
  std::uint64_t MustApply(Commit commit) {
    const auto revision = Apply(std::move(commit));
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(0);
  }
  absl::StatusOr<std::map<std::string, std::uint64_t>> Purge(std::vector<std::string> types, bool dry_run) {
    Answer<absl::StatusOr<std::map<std::string, std::uint64_t>>> answer;
    backend().PurgeExpired({std::move(types), dry_run}, Soon(), answer.Done());
    return answer.Await();
  }
  std::optional<Value> Key(std::string id) {
    auto read = Read("s", {{"t", std::move(id)}});
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->values.front() : std::nullopt;
  }

  // Runs a commit against another program's transaction, which has written and commits once the commit waits for it.
  absl::StatusOr<std::uint64_t> ApplyAgainst(const std::string& their_writes, Commit commit) {
    std::thread other([&] {
      Sql(absl::StrCat("BEGIN; ", their_writes,
                       "; DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks "
                       "WHERE NOT granted AND locktype = 'transactionid') "
                       "LOOP PERFORM pg_sleep(0.001); END LOOP; END $$; COMMIT"));
    });
    const absl::Status written =
        TestPostgres::AwaitAnswer(url(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "t");
    EXPECT_TRUE(written.ok()) << written;
    auto result = Apply(std::move(commit));
    other.join();
    return result;
  }
};

Commit SetKey(std::string id, std::string bytes) {
  return SetKeys("s", {{{"t", std::move(id)}, Raw(std::move(bytes))}});
}

TEST_F(LegacyBackendTest, EmptyDatabaseIsServedInTheNativeLayout) {
  Open();
  EXPECT_EQ(backend().Describe().layout, "native");
}

TEST_F(LegacyBackendTest, LegacyTablesAreFound) {
  MakeTables();
  Open();
  EXPECT_EQ(backend().Describe().layout, "legacy");
  EXPECT_EQ(Query("SELECT to_regclass('authstate.auth_sessions') IS NULL"), "t");
}

TEST_F(LegacyBackendTest, TablesOfBothLayoutsAreServedOnlyByName) {
  Open();
  MakeTables();
  const absl::Status status = TryOpen();
  EXPECT_EQ(status.code(), kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--layout=legacy"));
  for (const auto& [layout, name] :
       {std::pair(PostgresLayout::kNative, "native"), {PostgresLayout::kLegacy, "legacy"}}) {
    options().layout = layout;
    Open();
    EXPECT_EQ(backend().Describe().layout, name);
  }
}

TEST_F(LegacyBackendTest, MissingTablesAreNamedAndNotMade) {
  options().layout = PostgresLayout::kLegacy;
  EXPECT_THAT(std::string(TryOpen().message()), HasSubstr("whatsapp_auth, whatsapp_keys"));
  MakeTables();
  Sql("DROP TABLE whatsapp_keys");
  for (const PostgresLayout layout : {PostgresLayout::kLegacy, PostgresLayout::kDetect}) {
    options().layout = layout;
    const absl::Status status = TryOpen();
    EXPECT_EQ(status.code(), kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("whatsapp_keys"));
  }
  EXPECT_EQ(Query("SELECT to_regclass('whatsapp_keys') IS NULL"), "t");
}

TEST_F(LegacyBackendTest, TablesOfAnotherShapeAreRefused) {
  MakeTables();
  for (const char* change :
       {"ALTER TABLE whatsapp_keys DROP CONSTRAINT whatsapp_keys_pkey",
        "ALTER TABLE whatsapp_keys DROP COLUMN expires_at", "ALTER TABLE whatsapp_auth ALTER COLUMN creds TYPE text"}) {
    Sql(change);
    EXPECT_EQ(TryOpen().code(), kFailedPrecondition) << change;
  }
}

TEST_F(LegacyBackendTest, RowsThatRowLevelSecurityHidesAreNotTakenForAbsent) {
  MakeTables(LegacyTables::kDressed);
  options().url = test::AsApp(options().url);
  Open();
  for (const char* change :
       {"DROP POLICY allow_all ON whatsapp_auth", "CREATE POLICY mine ON whatsapp_auth USING (company_id = 'mine')",
        "CREATE POLICY allow_all ON whatsapp_auth FOR SELECT USING (true)"}) {
    Sql(change);
    const absl::Status status = TryOpen();
    EXPECT_EQ(status.code(), kFailedPrecondition) << change;
    EXPECT_THAT(std::string(status.message()), HasSubstr("whatsapp_auth"));
  }
  Sql("CREATE POLICY all_of_it ON whatsapp_auth USING (true)");
  Open();
  Sql("CREATE POLICY less ON whatsapp_keys AS RESTRICTIVE FOR SELECT USING (company_id = 'mine')");
  EXPECT_THAT(std::string(TryOpen().message()), HasSubstr("whatsapp_keys"));
}

TEST_F(LegacyBackendTest, ReadsEveryFormAlsoBeyondItsStamp) {
  MakeTables();
  Open();
  Sql("INSERT INTO whatsapp_auth (company_id, creds) VALUES ('s', "
      "'{\"noiseKey\": {\"public\": {\"type\": \"Buffer\", \"data\": [1, 2]}, \"private\": {\"0\": 97}}}')");
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, expires_at) VALUES "
      "('s', 't', '1', '{\"type\": \"Buffer\", \"data\": \"YWJj\"}', now() - interval '1 year'), "
      "('s', 't', '2', '{\"type\": \"Buffer\", \"data\": [97, 98, 99]}', now() - interval '1 year'), "
      "('s', 't', '3', '{\"0\": 97, \"1\": 98, \"2\": 99}', NULL), "
      "('s', 't', '4', '\"5511:7\"', now()), ('s', 't', '5', '[\"a\"]', now())");
  const auto read = Read("s", {{"t", "1"}, {"t", "2"}, {"t", "3"}, {"t", "4"}, {"t", "5"}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->exists);
  EXPECT_EQ(read->revision, 0U);
  EXPECT_EQ(read->creds, Json(R"({"noiseKey":{"public":{"type":"Buffer","data":"AQI="},)"
                              R"("private":{"type":"Buffer","data":"YQ=="}}})"));
  EXPECT_EQ(read->values, (std::vector<std::optional<Value>>{Raw("abc"), Raw("abc"), Raw("abc"), Json("\"5511:7\""),
                                                             Json("[\"a\"]")}));
}

TEST_F(LegacyBackendTest, WritesTheFormThatOthersReadAndKeepsItFromTheirCleanup) {
  MakeTables(LegacyTables::kDressed);
  options().url = test::AsApp(options().url);
  Open();
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, created_at, updated_at, expires_at) "
      "VALUES ('s', 't', '1', '5', '2020-01-01', '2020-01-01', '2020-01-08')");
  MustApply(SetKey("1", "abc"));
  EXPECT_EQ(Query("SELECT value = '{\"type\": \"Buffer\", \"data\": \"YWJj\"}' AND created_at = '2020-01-01' "
                  "AND updated_at > now() - interval '1 hour' AND expires_at IS NULL FROM whatsapp_keys"),
            "t");
  EXPECT_EQ(Query("SELECT cleanup_expired_whatsapp_keys()"), "0");
  EXPECT_EQ(Key("1"), Raw("abc"));
}

TEST_F(LegacyBackendTest, ExpectedRevisionNoticesEveryWriteOfOthers) {
  MakeTables();
  Open();
  Commit commit = SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}});
  commit.creds = Json("{}");
  std::uint64_t revision = MustApply(commit);
  for (const char* write :
       {"INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ('s', 't', '3', '3')",
        "UPDATE whatsapp_keys SET value = '7' WHERE key_id = '2'",
        "UPDATE whatsapp_keys SET value = value WHERE key_id = '2'", "DELETE FROM whatsapp_keys WHERE key_id = '3'",
        "UPDATE whatsapp_auth SET creds = '{\"a\": 1}'", "DELETE FROM whatsapp_auth"}) {
    MustApply(At(revision, SetKey("1", "x")));
    Sql(write);
    // Our own commits neither hide nor heal it.
    revision = MustApply(SetKey("4", "y"));
    const auto refused = Apply(At(revision, SetKey("1", "lost update")));
    EXPECT_TRUE(FailsWith(refused, kAborted, kRevisionMismatch)) << write;
    EXPECT_TRUE(IsNotApplied(refused.status()));
    EXPECT_EQ(RevisionOf(refused.status()), revision + 1);
    EXPECT_EQ(Key("1"), Raw("x"));
    // What the caller has read since is what it commits on.
    revision = Read("s")->revision;
    revision = MustApply(At(revision, SetKey("1", "next")));
  }
}

TEST_F(LegacyBackendTest, WritesOfOthersElsewhereDisturbNothing) {
  MakeTables();
  Open();
  const std::uint64_t revision = MustApply(SetKey("1", "1"));
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ('other', 't', '1', '1')");
  MustApply(At(revision, SetKey("1", "2")));
}

TEST_F(LegacyBackendTest, SessionOfOthersExistsAndHasToBeReadBeforeItIsReplaced) {
  MakeTables();
  Open();
  Sql("INSERT INTO whatsapp_auth (company_id, creds) VALUES ('s', '{}')");
  EXPECT_TRUE(Read("s")->exists);
  // "Only if it is not there": it is.
  const auto refused = Apply(At(0, SetCreds("s", Json("{\"new\":1}"))));
  EXPECT_TRUE(FailsWith(refused, kAborted, kRevisionMismatch));
  EXPECT_EQ(Read("s")->creds, Json("{}"));
  EXPECT_EQ(MustApply(At(Read("s")->revision, SetCreds("s", Json("{\"new\":1}")))), 2U);
}

TEST_F(LegacyBackendTest, SessionThatOthersDeletedIsGone) {
  MakeTables();
  Open();
  MustApply(SetKey("1", "1"));
  Sql("DELETE FROM whatsapp_keys");
  EXPECT_FALSE(Read("s")->exists);
  EXPECT_TRUE(FailsWith(Apply(At(1, SetKey("1", "2"))), kAborted, kRevisionMismatch));
  EXPECT_FALSE(Read("s")->exists);
  MustApply(At(2, SetKey("1", "2")));
  EXPECT_TRUE(Read("s")->exists);
}

TEST_F(LegacyBackendTest, SessionThatOthersMadeAgainIsThere) {
  MakeTables();
  Open();
  MustApply(SetKey("1", "1"));
  MustApply(conformance::DeleteSession("s"));
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ('s', 't', '1', '1')");
  EXPECT_TRUE(Read("s")->exists);
  MustApply(conformance::DeleteSession("s"));
  EXPECT_EQ(Query("SELECT count(*) FROM whatsapp_keys"), "0");
}

TEST_F(LegacyBackendTest, WriteOfOthersDuringACommitIsNotOverwrittenUnnoticed) {
  for (const char* write :
       {"UPDATE whatsapp_keys SET value = '7' WHERE key_id = '1'", "DELETE FROM whatsapp_keys WHERE key_id = '1'",
        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ('s', 't', '2', '7')",
        "INSERT INTO whatsapp_auth (company_id, creds) VALUES ('s', '7')"}) {
    SetUp();
    MakeTables();
    Open();
    const std::uint64_t revision = MustApply(SetKey("1", "1"));
    Commit commit = At(revision, SetKeys("s", {{{"t", "1"}, Raw("x")}, {{"t", "2"}, Raw("x")}}));
    commit.creds = Json("{}");
    const auto refused = ApplyAgainst(write, commit);
    EXPECT_TRUE(FailsWith(refused, kAborted, kRevisionMismatch)) << write;
    EXPECT_NE(Key("1"), Raw("x"));
    EXPECT_NE(Key("2"), Raw("x"));
    commit.expected_revision = Read("s")->revision;
    MustApply(commit);
  }
}

TEST_F(LegacyBackendTest, WriteOfOthersDuringACommitThatExpectsNothingIsReplaced) {
  MakeTables();
  Open();
  MustApply(SetKey("1", "1"));
  EXPECT_TRUE(ApplyAgainst("UPDATE whatsapp_keys SET value = '7'", SetKey("1", "x")).ok());
  EXPECT_EQ(Key("1"), Raw("x"));
  EXPECT_TRUE(ApplyAgainst("UPDATE whatsapp_keys SET value = '7'", DeleteKeys("s", {{"t", "1"}})).ok());
  EXPECT_EQ(Key("1"), std::nullopt);
}

TEST_F(LegacyBackendTest, PurgeTakesExpiredKeysThatCanBeLostAndNoOther) {
  MakeTables();
  Open();
  MustApply(SetKey("1", "1"));
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, expires_at) VALUES "
      "('s', 'tctoken', '1', '1', now() - interval '1 hour'), ('s', 'tctoken', '2', '1', now() + interval '1 hour'), "
      "('s', 'tctoken', '3', '1', NULL), ('r', 'tctoken', '1', '1', now() - interval '1 hour'), "
      "('s', 'device-list', '1', '1', now() - interval '1 hour'), ('s', 'session', '1', '1', now() - interval '1 "
      "hour')");
  using Counts = std::map<std::string, std::uint64_t>;
  EXPECT_EQ(*Purge({"tctoken", "device-list"}, true), (Counts{{"device-list", 1}, {"tctoken", 2}}));
  EXPECT_EQ(*Purge({"tctoken"}, false), (Counts{{"tctoken", 2}}));
  EXPECT_EQ(*Purge({"tctoken"}, false), Counts{});
  EXPECT_EQ(Query("SELECT string_agg(key_type || key_id, ' ' ORDER BY key_type, key_id) FROM whatsapp_keys"),
            "device-list1 session1 t1 tctoken2 tctoken3");
  EXPECT_EQ(Read("s")->revision, 2U);
  EXPECT_FALSE(Read("r")->exists);
  for (const char* type : {"session", "pre-key", "sender-key", ""}) {
    EXPECT_TRUE(FailsWith(Purge({type}, false), absl::StatusCode::kInvalidArgument, kNotPurgeable)) << type;
  }
}

TEST_F(LegacyBackendTest, PurgeIsAWriteWithoutAFence) {
  MakeTables();
  Open();
  const auto lease = [this](const LeaseRequest& request) {
    Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
    backend().Leases({request}, Soon(), answer.Done());
    return answer.Await()[0]->lease;
  };
  using Counts = std::map<std::string, std::uint64_t>;
  Sql("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, expires_at) VALUES "
      "('s', 'tctoken', '1', '1', now() - interval '1 hour'), ('r', 'tctoken', '1', '1', now() - interval '1 hour')");
  const std::uint64_t fence = lease(Acquire("s", "pool")).fence;

  EXPECT_EQ(*Purge({"tctoken"}, true), (Counts{{"tctoken", 1}}));
  EXPECT_EQ(*Purge({"tctoken"}, false), (Counts{{"tctoken", 1}}));
  EXPECT_EQ(Query("SELECT string_agg(company_id, ' ') FROM whatsapp_keys"), "s") << "its owner does not know of it";
  EXPECT_EQ(lease(Get("s")).fence, fence);

  Sql("UPDATE authstate.legacy_sessions SET lease_expires_at = now() - interval '1 second'");
  EXPECT_EQ(*Purge({"tctoken"}, false), (Counts{{"tctoken", 1}}));
  const Lease after = lease(Get("s"));
  EXPECT_FALSE(after.held());
  EXPECT_EQ(after.fence, fence + 1) << "its owner, back late, would take what it remembers for what is stored";
}

TEST_F(LegacyBackendTest, PurgeIsAnsweredWhereNothingExpires) {
  Open();
  EXPECT_TRUE(FailsWith(Purge({"tctoken"}, false), kFailedPrecondition, kNothingExpires));
}

TEST_F(LegacyBackendTest, ValueThatJsonbCannotHoldIsRefusedAndTheRestApplied) {
  MakeTables();
  Open();
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend().Apply({SetKeys("a", {{{"t", "1"}, Json(R"("\u0000")")}, {{"t", "2"}, Raw("v")}}), SetCreds("b", Json("1"))},
                  Soon(), answer.Done());
  const auto results = answer.Await();
  EXPECT_TRUE(FailsWith(results[0], absl::StatusCode::kInvalidArgument, kNotInLayout));
  EXPECT_TRUE(IsNotApplied(results[0].status()));
  EXPECT_TRUE(results[1].ok()) << results[1].status();
  EXPECT_FALSE(Read("a")->exists);
}

TEST_F(LegacyBackendTest, WhatTheTablesCannotHoldIsRefusedAndTheRestApplied) {
  MakeTables();
  Sql("ALTER TABLE whatsapp_keys ALTER COLUMN key_id TYPE varchar(5)");
  Open();
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend().Apply({SetKeys("a", {{{"t", "123456"}, Raw("v")}}), SetKeys("b", {{{"t", "12345"}, Raw("v")}})}, Soon(),
                  answer.Done());
  const auto results = answer.Await();
  EXPECT_TRUE(FailsWith(results[0], absl::StatusCode::kInvalidArgument, kNotInLayout));
  EXPECT_TRUE(results[1].ok()) << results[1].status();
}

TEST_F(LegacyBackendTest, SessionIdThatOthersWouldNotTakeIsRefused) {
  MakeTables();
  Open();
  EXPECT_TRUE(FailsWith(Apply(SetCreds("a.b", Json("{}"))), absl::StatusCode::kInvalidArgument, kNotInLayout));
}

TEST_F(LegacyBackendTest, DamagedValueIsDataLossNotAbsence) {
  MakeTables();
  Open();
  Sql(R"(INSERT INTO whatsapp_auth (company_id, creds) VALUES ('s', '{"type": "Buffer", "data": "?"}'))");
  EXPECT_TRUE(FailsWith(Read("s"), absl::StatusCode::kDataLoss, kCorruptValue));
}

}  // namespace
}  // namespace authstate::storage
