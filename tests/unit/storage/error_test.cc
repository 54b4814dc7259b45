#include "storage/error.h"

#include <gtest/gtest.h>

namespace authstate::storage {
namespace {

TEST(StorageErrorTest, FactsTravelWithTheStatus) {
  const absl::Status status = WithRetryDelay(
      WithRevision(WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "away"), Outcome::kUnknown),
                   7),
      absl::Milliseconds(250));
  EXPECT_EQ(ReasonOf(status), kDatabaseUnavailable);
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
  EXPECT_EQ(RevisionOf(status), 7U);
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(250));
}

TEST(StorageErrorTest, TheLastOutcomeWins) {
  const absl::Status status = WithOutcome(QueueFull(), Outcome::kUnknown);
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

TEST(StorageErrorTest, AStatusWithoutFactsHasNone) {
  const absl::Status status = absl::InternalError("x");
  EXPECT_FALSE(ReasonOf(status).has_value());
  EXPECT_FALSE(OutcomeOf(status).has_value());
  EXPECT_FALSE(RevisionOf(status).has_value());
  EXPECT_FALSE(RetryDelayOf(status).has_value());
}

TEST(StorageErrorTest, AnOkStatusStaysAsItIs) {
  EXPECT_TRUE(WithOutcome(absl::OkStatus(), Outcome::kUnknown).ok());
  EXPECT_FALSE(OutcomeOf(absl::OkStatus()).has_value());
}

TEST(StorageErrorTest, ARevisionMismatchTellsBothRevisions) {
  const absl::Status status = RevisionMismatch(3, 5);
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_EQ(status.message(), "expected_revision: is 3, but the session is at revision 5");
  EXPECT_EQ(RevisionOf(status), 5U);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
}

}  // namespace
}  // namespace authstate::storage
