#include "server/metrics/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/error.h"

namespace authstate::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> ReasonsOf(const Readiness& readiness) {
  std::vector<std::string> names;
  for (const Readiness::Reason& reason : readiness.Reasons(absl::UnixEpoch())) names.push_back(reason.reason);
  return names;
}

TEST(ReadinessTest, FollowsTheDatabaseAndNamesItsReason) {
  Readiness readiness(nullptr, nullptr, absl::UnixEpoch());
  EXPECT_THAT(ReasonsOf(readiness), IsEmpty());
  EXPECT_TRUE(readiness.serving());
  const absl::Time fell = absl::FromUnixSeconds(3'600);
  readiness.SetDatabase(storage::Error(absl::StatusCode::kUnavailable, storage::kDatabaseMoved, "/secret/place"), fell);
  EXPECT_THAT(ReasonsOf(readiness), ElementsAre("DATABASE_MOVED"));
  EXPECT_THAT(readiness.Reasons(fell)[0].message, HasSubstr("1970-01-01T01:00:00"));
  // Whoever asks is told no path, host or user.
  EXPECT_THAT(readiness.Reasons(fell)[0].message, Not(HasSubstr("secret")));
  EXPECT_FALSE(readiness.serving());
  EXPECT_EQ(readiness.since(), fell);
  readiness.SetDatabase(absl::UnavailableError("of no known kind"), fell);
  EXPECT_THAT(ReasonsOf(readiness), ElementsAre("DATABASE_UNAVAILABLE"));
  readiness.SetDatabase(absl::OkStatus(), fell);
  EXPECT_THAT(ReasonsOf(readiness), IsEmpty());
}

TEST(ReadinessTest, AServerThatStopsIsNotReadyAndItsDatabaseAnswers) {
  Readiness readiness(nullptr, nullptr, absl::UnixEpoch());
  readiness.SetDraining();
  EXPECT_THAT(ReasonsOf(readiness), ElementsAre("DRAINING"));
  EXPECT_FALSE(readiness.serving());
  EXPECT_TRUE(readiness.database_answers());
}

}  // namespace
}  // namespace authstate::server
