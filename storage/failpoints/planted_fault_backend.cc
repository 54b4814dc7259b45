#include "storage/failpoints/planted_fault_backend.h"

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"

namespace authstate::storage {
namespace {

// One in so many commits that have parts is applied in part.
constexpr unsigned kTornOneIn = 10;

class PlantedFaultBackend final : public ForwardingBackend {
 public:
  PlantedFaultBackend(std::unique_ptr<Backend> inner, PlantedFault fault)
      : ForwardingBackend(std::move(inner)), fault_(fault) {}
  // Whose answers still ask for a home.
  ~PlantedFaultBackend() override { EndInner(); }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    switch (fault_) {
      case PlantedFault::kFence:
        return ApplyUnderAnyFence(std::move(commits), deadline, std::move(done));
      case PlantedFault::kExactlyOnce:
        for (Commit& commit : commits) commit.number = 0;
        return inner().Apply(std::move(commits), deadline, std::move(done));
      case PlantedFault::kAtomicity:
        return ApplyInPart(std::move(commits), deadline, std::move(done));
      case PlantedFault::kOtherHomes:
        return inner().Apply(std::move(commits), deadline, std::move(done));
    }
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    if (fault_ == PlantedFault::kFence) {
      for (ReadRequest& request : requests) request.fence = 0;
    }
    inner().Read(std::move(requests), deadline, std::move(done));
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    if (fault_ != PlantedFault::kOtherHomes) return inner().Leases(std::move(requests), deadline, std::move(done));
    std::vector<bool> looks;
    for (LeaseRequest& request : requests) {
      looks.push_back(request.action == LeaseRequest::Action::kGet);
      if (!absl::StartsWith(request.owner, kHomeOwnerPrefix)) continue;
      request.steal = true;
      const absl::MutexLock lock(&mutex_);
      own_home_ = request.owner;
    }
    inner().Leases(std::move(requests), deadline,
                   [this, looks = std::move(looks),
                    done = std::move(done)](std::vector<absl::StatusOr<LeaseResult>> results) mutable {
                     for (std::size_t i = 0; i < results.size(); ++i) {
                       if (looks[i] && results[i].ok() && IsOtherHome(results[i]->lease)) EndLease(&results[i]->lease);
                     }
                     std::move(done)(std::move(results));
                   });
  }

 private:
  bool IsOtherHome(const Lease& lease) const {
    const absl::MutexLock lock(&mutex_);
    return absl::StartsWith(lease.owner, kHomeOwnerPrefix) && lease.owner != own_home_;
  }
  // Tells it as nobody's.
  static void EndLease(Lease* lease) {
    const std::uint64_t fence = lease->fence;
    *lease = Lease();
    lease->fence = fence;
  }

  void ApplyUnderAnyFence(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
    std::vector<LeaseRequest> lookups(commits.size());
    for (std::size_t i = 0; i < commits.size(); ++i) lookups[i].session_id = commits[i].session_id;
    inner().Leases(std::move(lookups), deadline,
                   [this, commits = std::move(commits), deadline,
                    done = std::move(done)](std::vector<absl::StatusOr<LeaseResult>> leases) mutable {
                     for (std::size_t i = 0; i < commits.size(); ++i) {
                       if (commits[i].fence == 0 || !leases[i].ok()) continue;
                       commits[i].fence = leases[i]->lease.held() ? leases[i]->lease.fence : 0;
                     }
                     inner().Apply(std::move(commits), deadline, std::move(done));
                   });
  }

  void ApplyInPart(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
    std::vector<bool> torn(commits.size(), false);
    for (std::size_t i = 0; i < commits.size(); ++i) {
      auto& sets = commits[i].sets;
      torn[i] = sets.size() > 1 && ++commits_with_parts_ % kTornOneIn == 0;
      if (torn[i]) sets.resize(sets.size() / 2);
    }
    inner().Apply(
        std::move(commits), deadline,
        [torn = std::move(torn), done = std::move(done)](std::vector<absl::StatusOr<Applied>> results) mutable {
          for (std::size_t i = 0; i < results.size(); ++i) {
            if (!torn[i] || !results[i].ok()) continue;
            results[i] = WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "torn on purpose"),
                                     Outcome::kUnknown);
          }
          std::move(done)(std::move(results));
        });
  }

  const PlantedFault fault_;
  std::atomic<unsigned> commits_with_parts_ = 0;
  mutable absl::Mutex mutex_;
  // As the near store before this far store is named; empty until it has asked for something.
  std::string own_home_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::optional<PlantedFault> ParsePlantedFault(absl::string_view name) {
  if (name == "fence") return PlantedFault::kFence;
  if (name == "exactly-once") return PlantedFault::kExactlyOnce;
  if (name == "atomicity") return PlantedFault::kAtomicity;
  if (name == "other-homes") return PlantedFault::kOtherHomes;
  return std::nullopt;
}

std::unique_ptr<Backend> NewPlantedFaultBackend(std::unique_ptr<Backend> inner, PlantedFault fault) {
  return std::make_unique<PlantedFaultBackend>(std::move(inner), fault);
}

}  // namespace authstate::storage
