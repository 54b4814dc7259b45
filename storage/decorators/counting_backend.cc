#include "storage/decorators/counting_backend.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/near/forwarding_near_store.h"

namespace authstate::storage {
namespace {

void CountFailure(const absl::Status& status, CallCounts& counts) {
  if (absl::IsDataLoss(status)) ++counts.data_loss;
  if (absl::IsFailedPrecondition(status) && ReasonOf(status) == kStaleFence) ++counts.stale_fences;
}

template <typename Result>
void CountFailures(const std::vector<absl::StatusOr<Result>>& results, CallCounts& counts) {
  for (const absl::StatusOr<Result>& result : results) {
    if (!result.ok()) CountFailure(result.status(), counts);
  }
}

CommitEnd EndOf(const absl::Status& status) {
  if (status.ok()) return CommitEnd::kApplied;
  return OutcomeOf(status) == Outcome::kNotApplied ? CommitEnd::kNotApplied : CommitEnd::kUnknown;
}

// Counts what is found while a session is read.
class CountedSnapshot final : public Snapshot {
 public:
  CountedSnapshot(std::unique_ptr<Snapshot> inner, std::shared_ptr<CallCounts> counts)
      : inner_(std::move(inner)), counts_(std::move(counts)) {}

  std::uint64_t revision() const override { return inner_->revision(); }
  const std::optional<Value>& creds() const override { return inner_->creds(); }
  const Lease& lease() const override { return inner_->lease(); }
  const RecentCommits& recent_commits() const override { return inner_->recent_commits(); }
  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    inner_->Next(max_bytes, deadline, [counts = counts_, done = std::move(done)](absl::StatusOr<Page> page) mutable {
      CountFailure(page.status(), *counts);
      std::move(done)(std::move(page));
    });
  }

 private:
  const std::unique_ptr<Snapshot> inner_;
  const std::shared_ptr<CallCounts> counts_;
};

class CountingBackend final : public ForwardingBackend {
 public:
  // `Inner`: as ForwardingBackend takes it.
  template <typename Inner>
  CountingBackend(Inner inner, std::shared_ptr<CallCounts> counts)
      : ForwardingBackend(std::move(inner)), counts_(std::move(counts)) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    Count(CallKind::kCommits);
    counts_->batches.Add(static_cast<std::int64_t>(commits.size()));
    inner().Apply(std::move(commits), deadline,
                  [counts = counts_, done = std::move(done)](std::vector<absl::StatusOr<Applied>> results) mutable {
                    for (const absl::StatusOr<Applied>& result : results) {
                      ++counts->commits[static_cast<std::size_t>(EndOf(result.status()))];
                    }
                    CountFailures(results, *counts);
                    std::move(done)(std::move(results));
                  });
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    Count(CallKind::kReads);
    inner().Read(std::move(requests), deadline,
                 [counts = counts_, done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
                   CountFailures(results, *counts);
                   std::move(done)(std::move(results));
                 });
  }

  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    Count(CallKind::kSnapshots);
    inner().OpenSnapshot(
        std::move(request), deadline,
        [counts = counts_, done = std::move(done)](absl::StatusOr<std::unique_ptr<Snapshot>> snapshot) mutable {
          CountFailure(snapshot.status(), *counts);
          if (!snapshot.ok()) return std::move(done)(std::move(snapshot));
          std::move(done)(std::make_unique<CountedSnapshot>(*std::move(snapshot), std::move(counts)));
        });
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    Count(CallKind::kLeases);
    inner().Leases(
        std::move(requests), deadline,
        [counts = counts_, done = std::move(done)](std::vector<absl::StatusOr<LeaseResult>> results) mutable {
          CountFailures(results, *counts);
          std::move(done)(std::move(results));
        });
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    Count(CallKind::kLists);
    inner().List(std::move(request), deadline, std::move(done));
  }
  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    Count(CallKind::kPurges);
    inner().PurgeExpired(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    Count(CallKind::kGrants);
    inner().Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override {
    Count(CallKind::kPings);
    inner().Ping(deadline, std::move(done));
  }

 private:
  void Count(CallKind kind) { ++counts_->calls[static_cast<std::size_t>(kind)]; }

  // The callbacks of calls under way share it.
  const std::shared_ptr<CallCounts> counts_;
};

class CountingNearStore final : public ForwardingNearStore {
 public:
  CountingNearStore(std::unique_ptr<NearStore> store, std::shared_ptr<CallCounts> counts)
      : ForwardingNearStore(std::move(store)), counts_(counts), calls_(&inner(), std::move(counts)) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    calls_.Apply(std::move(commits), deadline, std::move(done));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    calls_.Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    calls_.OpenSnapshot(std::move(request), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    calls_.List(std::move(request), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    calls_.Leases(std::move(requests), deadline, std::move(done));
  }
  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    calls_.PurgeExpired(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    calls_.Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override { calls_.Ping(deadline, std::move(done)); }

  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    inner().ReadUnflushed(
        std::move(session_ids), max_bytes, deadline,
        [counts = counts_, done = std::move(done)](std::vector<absl::StatusOr<UnflushedChanges>> results) mutable {
          CountFailures(results, *counts);
          std::move(done)(std::move(results));
        });
  }

 private:
  const std::shared_ptr<CallCounts> counts_;
  CountingBackend calls_;
};

}  // namespace

std::unique_ptr<Backend> NewCountingBackend(std::unique_ptr<Backend> inner, std::shared_ptr<CallCounts> counts) {
  return std::make_unique<CountingBackend>(std::move(inner), std::move(counts));
}

std::unique_ptr<NearStore> NewCountingNearStore(std::unique_ptr<NearStore> inner, std::shared_ptr<CallCounts> counts) {
  return std::make_unique<CountingNearStore>(std::move(inner), std::move(counts));
}

}  // namespace authstate::storage
