#include "storage/postgres/session/session_leases.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/session/divide_wave.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {
namespace {

constexpr int kMaxSends = 2;

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
  result.lease = ToLease(row, 1);
  result.revision = static_cast<std::uint64_t>(ToInt(row[5]));
  result.applied_number = static_cast<std::uint64_t>(ToInt(row[6]));
  return result;
}

}  // namespace

LeaseBatch::LeaseBatch(const Layout& layout, std::vector<LeaseRequest> requests, absl::Time deadline,
                       SessionWriter::IsLocked is_locked)
    : layout_(layout),
      requests_(std::move(requests)),
      deadline_(deadline),
      is_locked_(std::move(is_locked)),
      results_(requests_.size()),
      in_doubt_(requests_.size()) {}

void LeaseBatch::Begin() {
  begun_ = true;
  for (const LeaseRequest& request : requests_) {
    waits_ = waits_ && request.wait_for_lock && request.session_id == requests_.front().session_id;
  }
  for (std::size_t i = 0; i < requests_.size() && !waits_ && is_locked_ != nullptr; ++i) {
    if (is_locked_(requests_[i].session_id)) results_[i] = SessionLocked();
  }
}

std::optional<PutBack> LeaseBatch::Work(PgConnection& connection) {
  if (!begun_) Begin();
  for (Wave wave = NextWave(); !wave.empty(); wave = NextWave()) {
    if (absl::Now() >= deadline_) {
      FailAll(DeadlinePassedInQueue());
      break;
    }
    locked_ = false;
    Send(connection, wave);
    if (locked_) return waits_ ? PutBack{} : PutBack{absl::ZeroDuration()};
  }
  return std::nullopt;
}

LeaseBatch::Results LeaseBatch::Finish(const absl::Status& status) {
  FailAll(status);
  Results results;
  results.reserve(results_.size());
  for (auto& result : results_) results.push_back(*std::move(result));
  return results;
}

LeaseBatch::Wave LeaseBatch::NextWave() {
  Wave wave;
  while (wave.empty() && !parts_.empty()) {
    for (const std::size_t member : parts_.front()) {
      if (!results_[member].has_value()) wave.push_back(member);
    }
    parts_.pop_front();
  }
  if (!wave.empty()) return wave;
  absl::flat_hash_set<absl::string_view> sessions;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (!results_[i].has_value() && sessions.insert(requests_[i].session_id).second) wave.push_back(i);
  }
  return wave;
}

PgConnection::Parameters LeaseBatch::Parameters(const Wave& wave) const {
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

void LeaseBatch::Send(PgConnection& connection, const Wave& wave) {
  PgConnection::Parameters parameters = Parameters(wave);
  parameters.emplace_back();
  PgConnection::Execution execution;
  for (int i = 0; i < kMaxSends; ++i) {
    parameters.back() =
        EncodeLockTimeout(LockTimeout(LockPatience(was_locked_), connection.StatementDeadline(deadline_)));
    execution = connection.Execute(layout_.leases, parameters, deadline_);
    if (!execution.failure.has_value()) break;
    if (InDoubt(*execution.failure)) {
      for (const std::size_t member : wave) in_doubt_[member] = true;
    }
    const Fault fault = execution.failure->fault;
    const bool again =
        fault == Fault::kLost || fault == Fault::kAgain || fault == Fault::kInDoubt || fault == Fault::kStandby;
    if (!again || execution.failure->overran || LockedOut(*execution.failure)) break;
  }
  if (execution.failure.has_value()) {
    return LockedOut(*execution.failure) ? GiveWay(wave) : FailAll(ToCommitStatus(*execution.failure));
  }
  for (std::size_t i = 0; i < wave.size(); ++i) {
    Understand(wave[i], execution.rows[static_cast<pqxx::result::size_type>(i)]);
  }
}

void LeaseBatch::GiveWay(const Wave& wave) {
  locked_ = true;
  was_locked_ = true;
  if (wave.size() > 1) return DivideWave(wave, &parts_);
  if (waits_) return;
  // Those that follow it as well: they must not come to be before it.
  for (std::size_t i = wave.front(); i < requests_.size(); ++i) {
    const bool behind = !results_[i].has_value() && requests_[i].session_id == requests_[wave.front()].session_id;
    if (behind) results_[i] = in_doubt_[i] ? WithOutcome(SessionLocked(), Outcome::kUnknown) : SessionLocked();
  }
}

void LeaseBatch::Understand(std::size_t member, const pqxx::row& row) {
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
    const bool released = in_doubt_[member] && request.action == LeaseRequest::Action::kRelease;
    results_[member] = released ? WithOutcome(std::move(refused), Outcome::kUnknown) : std::move(refused);
  } else if (request.action == LeaseRequest::Action::kGet) {
    results_[member] = std::move(result);
  }
  // Else it lost a race, and stays without a result.
}

void LeaseBatch::FailAll(const absl::Status& status) {
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!results_[i].has_value()) results_[i] = in_doubt_[i] ? WithOutcome(status, Outcome::kUnknown) : status;
  }
}

}  // namespace authstate::storage
