#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_STORES_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_STORES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/await_call.h"
#include "storage/backend.h"
#include "storage/near/near_store.h"

// Calls to the two stores that wait for their answer: of threads that have nothing else to do.
namespace authstate::storage {

inline constexpr std::uint64_t kMaxTenure = std::uint64_t{1} << 40U;

inline std::vector<absl::StatusOr<Applied>> ApplyTo(Backend& store, std::vector<Commit> commits, absl::Time deadline) {
  return AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { store.Apply(std::move(commits), deadline, std::move(done)); });
}

inline std::vector<absl::StatusOr<LeaseResult>> AskLeases(Backend& store, std::vector<LeaseRequest> requests,
                                                          absl::Time deadline) {
  return AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
      [&](auto done) { store.Leases(std::move(requests), deadline, std::move(done)); });
}

inline absl::StatusOr<LeaseResult> AskLease(Backend& store, LeaseRequest request, absl::Time deadline) {
  std::vector<LeaseRequest> requests;
  requests.push_back(std::move(request));
  return std::move(AskLeases(store, std::move(requests), deadline).front());
}

// Whether an equal revision means that nothing was written: in the legacy layout others write without a new one.
inline bool TellsChangesByRevision(const Backend& far) { return far.Describe().layout != "legacy"; }

inline LeaseRequest AskFor(std::string session_id) {
  LeaseRequest request;
  request.session_id = std::move(session_id);
  return request;
}

// The fence of a home that begins where its session's is `fence`. Ahead of all fences that the home may give by so
// much, by chance, that no two homes have the same one: what was asked for under one and comes late finds it nowhere.
inline std::uint64_t NextHomeFence(std::uint64_t fence) {
  absl::BitGen random;
  return fence + kFencesOfAHome + absl::Uniform<std::uint64_t>(absl::IntervalClosed, random, 1, kMaxTenure);
}

// Passes a lease on as it is: `lease`, under which `applied_number` was applied.
inline LeaseRequest PassTo(std::string session_id, std::uint64_t fence, const Lease& lease,
                           std::uint64_t applied_number) {
  LeaseRequest request = AskFor(std::move(session_id));
  request.action = LeaseRequest::Action::kPass;
  request.fence = fence;
  request.owner = lease.owner;
  request.ttl = lease.held() ? lease.remaining : absl::ZeroDuration();
  request.next_fence = lease.fence;
  request.applied_number = applied_number;
  request.wait_for_lock = false;
  return request;
}

// Whether a result says that something was not done, and will not be.
inline bool IsNotApplied(const absl::Status& status) { return OutcomeOf(status) == Outcome::kNotApplied; }

inline std::vector<absl::Status> ChangeIn(NearStore& store, std::vector<HomeChange> changes, absl::Time deadline) {
  return AwaitCall<std::vector<absl::Status>>(
      [&](auto done) { store.Change(std::move(changes), deadline, std::move(done)); });
}

inline absl::Status ChangeIn(NearStore& store, HomeChange change, absl::Time deadline) {
  std::vector<HomeChange> changes;
  changes.push_back(std::move(change));
  return ChangeIn(store, std::move(changes), deadline).front();
}

inline HomeChange Step(HomeChange::Step step, std::string session_id) {
  HomeChange change;
  change.step = step;
  change.session_id = std::move(session_id);
  return change;
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_STORES_H_
