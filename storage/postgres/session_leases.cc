#include "storage/postgres/session_leases.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/lock_timeout.h"
#include "storage/postgres/pg_array.h"
#include "storage/postgres/row.h"

namespace authstate::storage {
namespace {

constexpr int kMaxSends = 2;
// How long a call of several members waits for the lock of one of them.
constexpr absl::Duration kSharedLockPatience = absl::Milliseconds(500);
constexpr absl::string_view kLockNotAvailable = "55P03";

std::int16_t Number(LeaseRequest::Action action) {
  switch (action) {
    case LeaseRequest::Action::kGet:
      return 0;
    case LeaseRequest::Action::kAcquire:
      return 1;
    case LeaseRequest::Action::kRenew:
      return 2;
    case LeaseRequest::Action::kRelease:
      break;
  }
  return 3;
}

// A row of Layout::leases, after its first column.
LeaseResult ToResult(const pqxx::row& row) {
  LeaseResult result;
  result.lease.fence = static_cast<std::uint64_t>(ToInt(row[1]));
  result.lease.owner = ToText(row[2]);
  if (result.lease.held()) {
    result.lease.expire_time = absl::FromUnixMicros(ToInt(row[3]));
    result.lease.remaining = absl::Microseconds(ToInt(row[4]));
  }
  result.revision = static_cast<std::uint64_t>(ToInt(row[5]));
  result.applied_number = static_cast<std::uint64_t>(ToInt(row[6]));
  return result;
}

class LeaseBatch {
 public:
  LeaseBatch(PgConnection& connection, const Layout& layout, const std::vector<LeaseRequest>& requests,
             absl::Time deadline)
      : connection_(connection), layout_(layout), requests_(requests), deadline_(deadline), results_(requests.size()) {}

  std::vector<absl::StatusOr<LeaseResult>> Run() && {
    for (Wave wave = NextWave(); !wave.empty(); wave = NextWave()) {
      if (absl::Now() >= deadline_) {
        FailAll(DeadlinePassedInQueue());
      } else {
        Send(wave);
      }
    }
    std::vector<absl::StatusOr<LeaseResult>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  // Places in `requests_`, of different sessions.
  using Wave = std::vector<std::size_t>;

  Wave NextWave() const {
    Wave wave;
    absl::flat_hash_set<absl::string_view> sessions;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (!results_[i].has_value() && sessions.insert(requests_[i].session_id).second) wave.push_back(i);
    }
    return wave;
  }

  PgConnection::Parameters Parameters(const Wave& wave) const {
    PgArray session_id = PgArray::Text();
    PgArray action = PgArray::Int2();
    PgArray owner = PgArray::Text();
    PgArray fence = PgArray::Int8();
    PgArray ttl = PgArray::Int8();
    PgArray steal = PgArray::Bool();
    for (const std::size_t member : wave) {
      const LeaseRequest& request = requests_[member];
      session_id.AddBytes(request.session_id);
      action.AddInt2(Number(request.action));
      owner.AddBytes(request.owner);
      fence.AddInt8(static_cast<std::int64_t>(request.fence));
      ttl.AddInt8(absl::ToInt64Microseconds(request.ttl));
      steal.AddBool(request.steal);
    }
    PgConnection::Parameters parameters;
    for (PgArray* array : {&session_id, &action, &owner, &fence, &ttl, &steal}) {
      parameters.push_back(std::move(*array).Encode());
    }
    return parameters;
  }

  // Renewals of a whole pool share a call: a session whose row is locked must not cost the others their leases.
  bool LockedOut(const Failure& failure) const { return failure.sqlstate == kLockNotAvailable && requests_.size() > 1; }
  absl::Duration LockPatience() const {
    const absl::Duration own = LockTimeout(connection_.StatementDeadline(deadline_));
    return requests_.size() > 1 ? std::min(own, kSharedLockPatience) : own;
  }

  void Send(const Wave& wave) {
    PgConnection::Parameters parameters = Parameters(wave);
    parameters.emplace_back();
    bool in_doubt = false;
    PgConnection::Execution execution;
    for (int i = 0; i < kMaxSends; ++i) {
      parameters.back() = EncodeLockTimeout(LockPatience());
      execution = connection_.Execute(layout_.leases, parameters, deadline_);
      if (!execution.failure.has_value()) break;
      in_doubt = in_doubt || InDoubt(*execution.failure);
      const Fault fault = execution.failure->fault;
      const bool again =
          fault == Fault::kLost || fault == Fault::kAgain || fault == Fault::kInDoubt || fault == Fault::kStandby;
      if (!again || execution.failure->overran || LockedOut(*execution.failure)) break;
    }
    if (execution.failure.has_value()) {
      absl::Status status = ToCommitStatus(*execution.failure);
      if (in_doubt) status = WithOutcome(std::move(status), Outcome::kUnknown);
      return LockedOut(*execution.failure) ? Halve(wave, status) : FailAll(status);
    }
    for (std::size_t i = 0; i < wave.size(); ++i) {
      Understand(wave[i], execution.rows[static_cast<pqxx::result::size_type>(i)], in_doubt);
    }
  }

  // Until the member that is locked out stands alone; it fails with `status`.
  void Halve(const Wave& wave, const absl::Status& status) {
    if (wave.size() == 1) {
      results_[wave.front()] = status;
      return;
    }
    const auto middle = wave.begin() + static_cast<Wave::difference_type>(wave.size() / 2);
    for (const Wave& half : {Wave(wave.begin(), middle), Wave(middle, wave.end())}) {
      if (!results_[half.front()].has_value()) Send(half);
    }
  }

  void Understand(std::size_t member, const pqxx::row& row, bool in_doubt) {
    const LeaseRequest& request = requests_[member];
    LeaseResult result = ToResult(row);
    if (ToBool(row[0])) {
      if (request.action != LeaseRequest::Action::kRelease) result.lease.remaining = request.ttl;
      results_[member] = std::move(result);
      return;
    }
    Lease next = result.lease;
    absl::Status refused = Advance(request, absl::UnixEpoch(), &next);
    if (!refused.ok()) {
      const bool released = in_doubt && request.action == LeaseRequest::Action::kRelease;
      results_[member] = released ? WithOutcome(std::move(refused), Outcome::kUnknown) : std::move(refused);
    } else if (request.action == LeaseRequest::Action::kGet) {
      results_[member] = std::move(result);
    }
    // Else it lost a race, and stays without a result.
  }

  // Every request without a result fails with this.
  void FailAll(const absl::Status& status) {
    for (auto& result : results_) {
      if (!result.has_value()) result = status;
    }
  }

  PgConnection& connection_;
  const Layout& layout_;
  const std::vector<LeaseRequest>& requests_;
  const absl::Time deadline_;
  std::vector<std::optional<absl::StatusOr<LeaseResult>>> results_;
};

}  // namespace

std::vector<absl::StatusOr<LeaseResult>> DoLeaseRequests(PgConnection& connection, const Layout& layout,
                                                         const std::vector<LeaseRequest>& requests,
                                                         absl::Time deadline) {
  return LeaseBatch(connection, layout, requests, deadline).Run();
}

}  // namespace authstate::storage
