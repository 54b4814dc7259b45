#include "storage/failpoints/failpoint_backend.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using AppliedAnswer = conformance::Answer<std::vector<absl::StatusOr<Applied>>>;
using LeasesAnswer = conformance::Answer<std::vector<absl::StatusOr<LeaseResult>>>;
using ReadAnswer = conformance::Answer<std::vector<absl::StatusOr<ReadResult>>>;

class FailpointBackendTest : public testing::Test {
 protected:
  void Order(Failpoint point, const std::string& action) {
    std::ofstream(directory_.File(NameOf(point))) << action << '\n';
  }
  bool Ordered(Failpoint point) { return access(directory_.File(NameOf(point)).c_str(), F_OK) == 0; }

  AppliedAnswer Write() {
    Commit commit;
    commit.session_id = "s";
    commit.sets.push_back({{"t", "1"}, Value{}});
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    AppliedAnswer answer;
    backend_->Apply(std::move(commits), absl::InfiniteFuture(), answer.Done());
    return answer;
  }

  LeasesAnswer Ask(LeaseRequest::Action action, std::uint64_t fence) {
    LeaseRequest request;
    request.session_id = "s";
    request.action = action;
    request.owner = "x";
    request.ttl = absl::Hours(1);
    request.fence = fence;
    LeasesAnswer answer;
    backend_->Leases({request}, absl::InfiniteFuture(), answer.Done());
    return answer;
  }

  std::uint64_t Revision() {
    ReadRequest request;
    request.session_id = "s";
    ReadAnswer answer;
    backend_->Read({request}, absl::InfiniteFuture(), answer.Done());
    return answer.Await()[0]->revision;
  }

  test::TempDir directory_;
  std::unique_ptr<Backend> backend_ = NewFailpointBackend(NewMemoryBackend(), Failpoints(directory_.path()));
};

TEST_F(FailpointBackendTest, WithoutOrdersDoesWhatTheStoreDoes) {
  EXPECT_TRUE(Write().Await()[0].ok());
  EXPECT_EQ(Revision(), 1U);
}

TEST_F(FailpointBackendTest, ErrorBeforeACommitKeepsItFromTakingPlace) {
  Order(Failpoint::kBeforeCommit, "error");
  EXPECT_EQ(OutcomeOf(Write().Await()[0].status()), Outcome::kNotApplied);
  EXPECT_EQ(Revision(), 0U);
}

TEST_F(FailpointBackendTest, ErrorAfterACommitLeavesItInDoubt) {
  Order(Failpoint::kAfterCommit, "error");
  EXPECT_EQ(OutcomeOf(Write().Await()[0].status()), Outcome::kUnknown);
  EXPECT_EQ(Revision(), 1U);
}

TEST_F(FailpointBackendTest, OrderIsCarriedOutOnce) {
  Order(Failpoint::kBeforeCommit, "error");
  EXPECT_FALSE(Write().Await()[0].ok());
  EXPECT_FALSE(Ordered(Failpoint::kBeforeCommit));
  EXPECT_TRUE(Write().Await()[0].ok());
}

TEST_F(FailpointBackendTest, OrderForRenewalsLeavesOtherRequestsAlone) {
  Order(Failpoint::kBeforeRenewal, "error");
  EXPECT_TRUE(Ask(LeaseRequest::Action::kAcquire, 0).Await()[0].ok());
  EXPECT_FALSE(Ask(LeaseRequest::Action::kRenew, 1).Await()[0].ok());
  EXPECT_TRUE(Ask(LeaseRequest::Action::kRenew, 1).Await()[0].ok());
}

TEST_F(FailpointBackendTest, DroppedReplyComesWhenTheStoreIsClosed) {
  Order(Failpoint::kBeforeReply, "drop");
  AppliedAnswer answer = Write();
  EXPECT_EQ(Revision(), 1U);
  EXPECT_EQ(answer.calls(), 0);
  backend_.reset();
  EXPECT_EQ(OutcomeOf(answer.Await()[0].status()), Outcome::kUnknown);
}

TEST_F(FailpointBackendTest, DelayedCommitTakesPlaceLater) {
  Order(Failpoint::kBeforeCommit, "delay 10ms");
  EXPECT_TRUE(Write().Await()[0].ok());
  EXPECT_EQ(Revision(), 1U);
}

TEST_F(FailpointBackendTest, DelayedCommitTakesPlaceBeforeTheStoreIsClosed) {
  Order(Failpoint::kBeforeCommit, "delay 1h");
  AppliedAnswer answer = Write();
  backend_.reset();
  EXPECT_TRUE(answer.Await()[0].ok());
}

TEST_F(FailpointBackendTest, CrashEndsTheProcessAtOnce) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  Order(Failpoint::kAfterCommit, "crash");
  EXPECT_EXIT((void)Write(), testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointBackendTest, OrderThatCannotBeReadEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  Order(Failpoint::kAfterCommit, "crahs");
  EXPECT_DEATH((void)Write(), "no such order");
}

}  // namespace
}  // namespace authstate::storage
