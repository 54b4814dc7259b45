#include "migrations/cutover/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace authstate::cutover {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'796'000'000);
const absl::Status kAway = absl::UnavailableError("it is away");

absl::Time Ago(absl::Duration duration) { return kNow - duration; }

void Expect(const Gate& gate, const std::string& name, Answer answer, const std::string& reason) {
  EXPECT_EQ(gate.name, name);
  EXPECT_EQ(NameOf(gate.answer), NameOf(answer)) << gate.reason;
  EXPECT_THAT(gate.reason, HasSubstr(reason));
  EXPECT_EQ(gate.remedy.empty(), answer == Answer::kYes) << gate.remedy;
}

TEST(BackupFreshTest, IsOfThisStoreAndYoungEnough) {
  const auto expect = [](const absl::StatusOr<NewestBackup>& backup, Answer answer, const std::string& reason) {
    Expect(BackupFresh(backup, absl::Hours(1), kNow, "do"), "backup-fresh", answer, reason);
  };
  expect(NewestBackup{"x.backup", Ago(absl::Minutes(60))}, Answer::kYes, "x.backup was begun 1h ago");
  expect(NewestBackup{"x.backup", Ago(absl::Seconds(3601))}, Answer::kNo,
         "x.backup was begun 1h1s ago, and not within 1h");
  expect(NewestBackup{"x.backup", Ago(absl::Minutes(1)), true}, Answer::kNo, "of another store");
  expect(NewestBackup{"x.backup", Ago(-absl::Minutes(2))}, Answer::kUnknown, "2m from now: a clock is wrong");
  expect(NewestBackup{"x.backup", Ago(-absl::Seconds(30))}, Answer::kYes, "0 ago");
  expect(absl::NotFoundError("there is none"), Answer::kNo, "there is none");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(BackupDrilledTest, DrillAndItsBackupAreYoungEnough) {
  const auto expect = [](const absl::StatusOr<Drill>& drill, Answer answer, const std::string& reason) {
    Expect(BackupDrilled(drill, absl::Hours(24), kNow, "do"), "backup-drilled", answer, reason);
  };
  expect(Drill{Ago(absl::Hours(2)), Ago(absl::Hours(3))}, Answer::kYes, "restored for a trial 2h ago");
  expect(Drill{Ago(absl::Hours(25)), Ago(absl::Hours(26))}, Answer::kNo, "restored for a trial 25h ago");
  expect(Drill{Ago(absl::Hours(2)), Ago(absl::Hours(25))}, Answer::kNo, "had been begun 25h ago");
  expect(Drill{Ago(-absl::Hours(2)), Ago(absl::Hours(2))}, Answer::kUnknown, "a clock is wrong");
  expect(absl::NotFoundError("there is none"), Answer::kNo, "there is none");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(PlanCleanTest, NothingIsInTheWay) {
  const auto expect = [](const absl::StatusOr<std::vector<tables::Finding>>& blocking, Answer answer,
                         const std::string& reason) {
    Expect(PlanClean(blocking, "do"), "plan-clean", answer, reason);
  };
  expect(std::vector<tables::Finding>(), Answer::kYes, "nothing");
  std::vector<tables::Finding> findings(7);
  for (int i = 0; i < 7; ++i) findings[static_cast<std::size_t>(i)].id = "finding-" + std::to_string(i);
  expect(findings, Answer::kNo, "finding-0; finding-1; finding-2; finding-3; finding-4; and 2 more");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(VerifiedTest, ThereIsNoReasonForWhichTheReportDoesNotCount) {
  const auto expect = [](const absl::StatusOr<std::vector<std::string>>& reasons, Answer answer,
                         const std::string& reason) { Expect(Verified(reasons, "do"), "verified", answer, reason); };
  expect(std::vector<std::string>(), Answer::kYes, "equal");
  expect(std::vector<std::string>{"it is old", "the databases differed"}, Answer::kNo,
         "it is old; the databases differed");
  expect(absl::NotFoundError("there is no report"), Answer::kNo, "there is no report");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(BackendEqualTest, TargetIsFollowedAndNotFarBehind) {
  const auto expect = [](const absl::StatusOr<FollowedCopy>& copy, Answer answer, const std::string& reason) {
    Expect(BackendEqual(copy, "supabase", absl::Seconds(30), kNow, "do"), "backend-equal", answer, reason);
  };
  const FollowedCopy equal{"supabase", true, Ago(absl::Seconds(2)), 0, ""};
  expect(equal, Answer::kYes, "the target has all that was written 2s ago");
  FollowedCopy copy = equal;
  copy.serves = "timeweb";
  expect(copy, Answer::kNo, "timeweb serves the auth state, and not supabase");
  copy = equal;
  copy.followed = false;
  expect(copy, Answer::kNo, "not kept equal");
  copy = equal;
  copy.error = "no connection";
  expect(copy, Answer::kNo, "no connection");
  copy = equal;
  copy.differing_sessions = 3;
  expect(copy, Answer::kNo, "sessions that differ in the target: 3");
  copy = equal;
  copy.equal_at = Ago(absl::Seconds(31));
  expect(copy, Answer::kNo, "31s ago, and not within 30s");
  copy.equal_at = std::nullopt;
  expect(copy, Answer::kUnknown, "not caught up yet");
  expect(absl::NotFoundError("there is no timeweb"), Answer::kNo, "there is no timeweb");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(NobodyElseTest, EverySessionMayBeThere) {
  const auto expect = [](const absl::StatusOr<std::vector<ClientSessions>>& sessions, Answer answer,
                         const std::string& reason) {
    const std::vector<MayConnect> allowed = {*ParseMayConnect("authstate/authstated"), *ParseMayConnect("backup")};
    Expect(NobodyElse(sessions, allowed, "do"), "nobody-else", answer, reason);
  };
  const ClientSessions server{"timeweb (db:5432/app)", "authstate", "authstated", "10.0.0.1", 8};
  const ClientSessions backup{"timeweb (db:5432/app)", "backup", "pg_dump", "", 1};
  const ClientSessions other{"timeweb (db:5432/app)", "app", "node", "10.0.0.9", 3};
  ClientSessions renamed = server;
  renamed.application = "psql";
  expect(std::vector<ClientSessions>(), Answer::kYes, "nobody");
  expect(std::vector<ClientSessions>{server, backup}, Answer::kYes, "nobody");
  expect(std::vector<ClientSessions>{server, other}, Answer::kNo,
         "connected: timeweb (db:5432/app): 3 of app/node from 10.0.0.9");
  expect(std::vector<ClientSessions>{renamed}, Answer::kNo, "8 of authstate/psql");
  expect(kAway, Answer::kUnknown, "it is away");
}

TEST(NobodyElseTest, WhoMayConnectHasARole) {
  EXPECT_EQ(ParseMayConnect("app")->application, std::nullopt);
  EXPECT_EQ(ParseMayConnect("app/my/tool")->role, "app");
  EXPECT_EQ(ParseMayConnect("app/my/tool")->application, "my/tool");
  EXPECT_EQ(ParseMayConnect("app/")->application, "");
  for (const char* const bad : {"", "/tool"}) {
    EXPECT_THAT(std::string(ParseMayConnect(bad).status().message()), HasSubstr("--may-connect"));
  }
}

class WayBackTest : public testing::Test {
 protected:
  WayBackTest() {
    record_.steps_digest = "abc";
    record_.from = "supabase";
    record_.to = "timeweb";
    record_.ended = Ago(absl::Hours(24));
    record_.outcome = Outcome::kDone;
    record_.way_back = absl::Seconds(40);
  }
  static void ExpectOf(const absl::StatusOr<RehearsalRecord>& record, Answer answer, const std::string& reason) {
    const WayBackTerms terms{"abc", "supabase", "timeweb", absl::Minutes(5), absl::Hours(7 * 24)};
    Expect(WayBack(record, terms, kNow, "do"), "way-back", answer, reason);
  }

  RehearsalRecord record_;
};

TEST_F(WayBackTest, WasRehearsedAndIsShort) { ExpectOf(record_, Answer::kYes, "the way back took 40s"); }

TEST_F(WayBackTest, RehearsalThatDidNotEndWellIsNone) {
  record_.outcome = Outcome::kFailed;
  record_.failed_step = "smoke";
  ExpectOf(record_, Answer::kNo, "the last rehearsal failed, at smoke");
  record_.outcome = Outcome::kInterrupted;
  record_.failed_step.clear();
  ExpectOf(record_, Answer::kNo, "was interrupted");
}

TEST_F(WayBackTest, RehearsalOfSomethingElseIsNone) {
  RehearsalRecord other = record_;
  other.to = "postgres";
  ExpectOf(other, Answer::kNo, "from supabase to postgres");
  other = record_;
  other.steps_digest = "abd";
  ExpectOf(other, Answer::kNo, "the steps have changed");
}

TEST_F(WayBackTest, RehearsalIsYoungAndTheWayShort) {
  record_.ended = Ago(absl::Hours(7 * 24) + absl::Seconds(1));
  ExpectOf(record_, Answer::kNo, "ended 168h1s ago, and not within 168h");
  record_.ended = Ago(absl::Hours(1));
  record_.way_back = absl::Minutes(5) + absl::Milliseconds(1500);
  ExpectOf(record_, Answer::kNo, "the way back took 5m1s, and may take 5m");
  record_.way_back = std::nullopt;
  ExpectOf(record_, Answer::kUnknown, "does not say");
}

TEST_F(WayBackTest, WhatCannotBeReadIsUnknown) {
  ExpectOf(absl::NotFoundError("there is none"), Answer::kNo, "there is none");
  ExpectOf(kAway, Answer::kUnknown, "it is away");
  Expect(WayBack(record_, absl::InvalidArgumentError("step 1: run: is missing"), kNow, "do"), "way-back",
         Answer::kUnknown, "step 1: run: is missing");
}

}  // namespace
}  // namespace authstate::cutover
