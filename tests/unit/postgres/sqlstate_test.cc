#include "storage/postgres/connection/sqlstate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/counts/statement_stats.h"
#include "storage/error.h"
#include "storage/postgres/connection/pg_failure.h"

namespace authstate::storage {
namespace {

TEST(SqlStateTest, MeansWhatTheTableSays) {
  const std::vector<std::pair<Fault, std::vector<std::string>>> kExpected = {
      {Fault::kAgain, {"40001", "40P01", "55P03"}},
      {Fault::kNeverBegan, {"08001", "08004", "53300", "57P03"}},
      {Fault::kLost, {"57P01", "57P02", "08003", "08006", "08P01", "25P03", ""}},
      {Fault::kInDoubt, {"08007", "40003"}},
      {Fault::kStandby, {"25006"}},
      {Fault::kDiskFull, {"53100"}},
      {Fault::kOverloaded, {"53200", "53000"}},
      {Fault::kCancelled, {"57014"}},
      {Fault::kCorrupt, {"XX001", "XX002"}},
      {Fault::kNever,
       {"22021", "22P02", "22003", "23505", "23502", "21000", "42P01", "42501", "XX000", "26000", "0A000"}},
  };
  for (const auto& [fault, states] : kExpected) {
    for (const std::string& state : states) EXPECT_EQ(FaultOf(state), fault) << "'" << state << "'";
  }
}

TEST(SqlStateTest, BadInputAndDamageMayBeOneMembersFault) {
  for (const char* state : {"22021", "23505", "21000", "54000", "XX001"}) {
    EXPECT_TRUE(MayBeOneMembersFault(state)) << state;
  }
  for (const char* state : {"40001", "53100", "57014", "42P01", ""}) EXPECT_FALSE(MayBeOneMembersFault(state)) << state;
}

Failure Sent(const std::string& sqlstate) {
  Failure failure;
  failure.fault = FaultOf(sqlstate);
  failure.sqlstate = sqlstate;
  failure.sent = true;
  return failure;
}

TEST(FailureTest, MessageIsKeptWhereItQuotesNoValues) {
  EXPECT_EQ(PrimaryMessage("0A000", "ERROR:  cannot do that here\nLINE 1: SELECT\nDETAIL:  more\n"),
            "cannot do that here");
  EXPECT_EQ(PrimaryMessage("42P01", "ОШИБКА:  отношение \"auth_keys\" не существует\n"),
            "отношение \"auth_keys\" не существует");
  for (const char* state : {"22P02", "22021", "23505", "21000", "P0001", ""}) {
    EXPECT_EQ(PrimaryMessage(state, "ERROR:  invalid input: \"secret\"\n"), "") << state;
  }
}

TEST(FailureTest, LackOfConnectionsAndReadOnlyDatabasesAreNamed) {
  Failure failure;
  failure.fault = Fault::kNeverBegan;
  EXPECT_EQ(ReasonOf(ToStatus(failure)), std::string(kDatabaseUnavailable));
  failure.no_connection = WhyNotConnected::kNoneToSpare;
  EXPECT_EQ(ReasonOf(ToStatus(failure)), std::string(kTooManyConnections));
  EXPECT_EQ(NameOf(failure), "too_many_connections");
  failure.no_connection = WhyNotConnected::kReadOnly;
  EXPECT_EQ(ReasonOf(ToStatus(failure)), std::string(kDatabaseReadOnly));
  EXPECT_EQ(ReasonOf(ToStatus(Sent("25006"))), std::string(kDatabaseReadOnly));
  EXPECT_TRUE(absl::IsUnavailable(ToStatus(failure)));
}

// A class that is not among them would be on no scrape.
TEST(FailureTest, EveryClassIsOneOfThoseThatAreShown) {
  for (int fault = 0; fault <= static_cast<int>(Fault::kNever); ++fault) {
    EXPECT_THAT(kErrorClasses, testing::Contains(NameOf(static_cast<Fault>(fault))));
  }
  EXPECT_THAT(kErrorClasses, testing::IsSupersetOf({"too_many_connections", "deadline", "not_committed"}));
}

TEST(FailureTest, CommitIsInDoubtOnlyWhenItWasSentAndItsEndIsNotKnown) {
  for (const char* state : {"", "57P01", "08006", "08007", "40003"}) {
    Failure failure = Sent(state);
    EXPECT_EQ(OutcomeOf(ToCommitStatus(failure)), Outcome::kUnknown) << state;
    failure.sent = false;
    EXPECT_EQ(OutcomeOf(ToCommitStatus(failure)), Outcome::kNotApplied) << state;
  }
  for (const char* state : {"40001", "08001", "53300", "25006", "53100", "57014", "22021", "42P01"}) {
    EXPECT_EQ(OutcomeOf(ToCommitStatus(Sent(state))), Outcome::kNotApplied) << state;
  }
  Failure overran = Sent("");
  overran.overran = true;
  EXPECT_EQ(OutcomeOf(ToCommitStatus(overran)), Outcome::kUnknown);
  overran.sent = false;
  EXPECT_EQ(OutcomeOf(ToCommitStatus(overran)), Outcome::kNotApplied);
}

TEST(FailureTest, CodeAndReasonFitTheFault) {
  using Code = absl::StatusCode;
  const std::vector<std::tuple<std::string, Code, absl::string_view>> kExpected = {
      {"40001", Code::kUnavailable, kDatabaseUnavailable}, {"53300", Code::kUnavailable, kDatabaseUnavailable},
      {"57P01", Code::kUnavailable, kDatabaseUnavailable}, {"08007", Code::kUnavailable, kDatabaseUnavailable},
      {"25006", Code::kUnavailable, kDatabaseReadOnly},    {"53200", Code::kUnavailable, kDatabaseUnavailable},
      {"53100", Code::kResourceExhausted, kDiskFull},      {"57014", Code::kDeadlineExceeded, kDeadlinePassed},
      {"XX001", Code::kDataLoss, kCorruptValue},           {"42P01", Code::kInternal, kDatabaseError},
  };
  for (const auto& [state, code, reason] : kExpected) {
    const absl::Status status = ToStatus(Sent(state));
    EXPECT_EQ(status.code(), code) << state;
    EXPECT_EQ(ReasonOf(status), std::string(reason)) << state;
    EXPECT_NE(status.message().find(state), absl::string_view::npos) << status;
    const bool waiting_helps = code == Code::kUnavailable || code == Code::kResourceExhausted;
    EXPECT_EQ(RetryDelayOf(status).has_value(), waiting_helps) << state;
  }
}

TEST(FailureTest, RetryDelayIsAtLeastTheWaitForTheNextConnection) {
  Failure failure;
  failure.fault = Fault::kNeverBegan;
  failure.wait = absl::Seconds(2);
  EXPECT_EQ(RetryDelayOf(ToStatus(failure)), absl::Seconds(2));
}

}  // namespace
}  // namespace authstate::storage
