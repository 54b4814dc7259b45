#include "storage/decorators/counting_backend.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"
#include "storage/near/forwarding_near_store.h"

namespace authstate::storage {
namespace {

// A store that answers each commit and read with the error that a test gives it.
class Failing final : public ForwardingBackend {
 public:
  explicit Failing(std::unique_ptr<Backend> inner) : ForwardingBackend(std::move(inner)) {}

  absl::Status error;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    if (error.ok()) return inner().Apply(std::move(commits), deadline, std::move(done));
    std::move(done)(std::vector<absl::StatusOr<Applied>>(commits.size(), error));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    if (error.ok()) return inner().Read(std::move(requests), deadline, std::move(done));
    std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), error));
  }
};

class CountingBackendTest : public testing::Test {
 protected:
  CountingBackendTest() {
    auto failing = std::make_unique<Failing>(NewMemoryBackend());
    inner_ = failing.get();
    store_ = NewCountingBackend(std::move(failing), counts_);
  }

  void Apply(std::vector<std::string> sessions) {
    std::vector<Commit> commits;
    for (std::string& session : sessions) {
      Commit commit;
      commit.session_id = std::move(session);
      commit.creds = Value{ValueKind::kRaw, "c"};
      commits.push_back(std::move(commit));
    }
    AwaitCall<std::vector<absl::StatusOr<Applied>>>(
        [&](auto done) { store_->Apply(std::move(commits), absl::InfiniteFuture(), std::move(done)); });
  }
  void Read() {
    AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
        [&](auto done) { store_->Read({ReadRequest{"a"}}, absl::InfiniteFuture(), std::move(done)); });
  }
  std::uint64_t Calls(CallKind kind) const { return counts_->calls.at(static_cast<std::size_t>(kind)); }
  std::uint64_t Ended(CommitEnd end) const { return counts_->commits.at(static_cast<std::size_t>(end)); }

  const std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
  Failing* inner_;
  std::unique_ptr<Backend> store_;
};

TEST_F(CountingBackendTest, CountsCallsByKindAndTheirCommits) {
  Apply({"a", "b", "c"});
  Apply({"a"});
  Read();
  EXPECT_TRUE(
      AwaitCall<absl::Status>([this](auto done) { store_->Ping(absl::InfiniteFuture(), std::move(done)); }).ok());
  EXPECT_EQ(Calls(CallKind::kCommits), 2);
  EXPECT_EQ(Calls(CallKind::kReads), 1);
  EXPECT_EQ(Calls(CallKind::kPings), 1);
  EXPECT_EQ(Ended(CommitEnd::kApplied), 4);
  EXPECT_EQ(counts_->batches.sum(), 4);
  EXPECT_EQ(counts_->batches.count(0), 1);
}

TEST_F(CountingBackendTest, ACommitThatMayHaveBeenAppliedIsNotOneThatWasNot) {
  inner_->error = WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "x"), Outcome::kNotApplied);
  Apply({"a"});
  inner_->error = WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "x"), Outcome::kUnknown);
  Apply({"a", "b"});
  // What does not say so counts as the worse.
  inner_->error = absl::InternalError("x");
  Apply({"a"});
  EXPECT_EQ(Ended(CommitEnd::kApplied), 0);
  EXPECT_EQ(Ended(CommitEnd::kNotApplied), 1);
  EXPECT_EQ(Ended(CommitEnd::kUnknown), 3);
}

TEST_F(CountingBackendTest, DataLossAndStaleFencesCountWhereverTheyAreFound) {
  inner_->error = DamagedValue();
  Read();
  Apply({"a"});
  EXPECT_EQ(counts_->data_loss, 2);
  LeaseRequest request;
  request.action = LeaseRequest::Action::kRenew;
  request.session_id = "a";
  request.fence = 7;
  AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
      [&](auto done) { store_->Leases({std::move(request)}, absl::InfiniteFuture(), std::move(done)); });
  EXPECT_EQ(counts_->stale_fences, 1);
}

TEST_F(CountingBackendTest, ASnapshotIsReadThroughIt) {
  Apply({"a"});
  auto snapshot = AwaitCall<absl::StatusOr<std::unique_ptr<Snapshot>>>(
      [this](auto done) { store_->OpenSnapshot({"a"}, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->revision(), 1);
  EXPECT_TRUE((*snapshot)->creds().has_value());
  const auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
      [&](auto done) { (*snapshot)->Next(1'000, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->last);
  EXPECT_EQ(Calls(CallKind::kSnapshots), 1);
  EXPECT_EQ(counts_->data_loss, 0);
}

// A near store whose sessions are damaged.
class Damaged final : public ForwardingNearStore {
 public:
  Damaged() : ForwardingNearStore(nullptr) {}

  void Read(std::vector<ReadRequest> requests, absl::Time /*deadline*/, ReadDone done) override {
    std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), absl::DataLossError("x")));
  }
  void Apply(std::vector<Commit> commits, absl::Time /*deadline*/, ApplyDone done) override {
    std::move(done)(std::vector<absl::StatusOr<Applied>>(commits.size(), Applied()));
  }
  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t /*max_bytes*/, absl::Time /*deadline*/,
                     UnflushedDone done) override {
    std::move(done)(std::vector<absl::StatusOr<UnflushedChanges>>(session_ids.size(), absl::DataLossError("x")));
  }
};

TEST(CountingNearStoreTest, CountsTheCallsOfABackendAndDamageThatIsFoundWhereItIsFlushed) {
  const auto counts = std::make_shared<CallCounts>();
  const auto store = NewCountingNearStore(std::make_unique<Damaged>(), counts);
  AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { store->Apply({Commit()}, absl::InfiniteFuture(), std::move(done)); });
  EXPECT_EQ(counts->commits.at(static_cast<std::size_t>(CommitEnd::kApplied)), 1);
  AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
      [&](auto done) { store->Read({ReadRequest{"a"}}, absl::InfiniteFuture(), std::move(done)); });
  EXPECT_EQ(counts->calls.at(static_cast<std::size_t>(CallKind::kReads)), 1);
  EXPECT_EQ(counts->data_loss, 1);
  AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>([&](auto done) {
    store->ReadUnflushed({"a", "b"}, 1, absl::InfiniteFuture(), std::move(done));
  });
  EXPECT_EQ(counts->data_loss, 3);
}

}  // namespace
}  // namespace authstate::storage
