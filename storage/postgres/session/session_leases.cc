#include "storage/postgres/session/session_leases.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pg_failure.h"
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
      return 3;
    case LeaseRequest::Action::kPass:
      break;
  }
  return 4;
}

void AddNumber(std::optional<std::uint64_t> number, PgArray* array) {
  if (number.has_value()) {
    array->AddInt8(static_cast<std::int64_t>(*number));
  } else {
    array->AddNull();
  }
}

}  // namespace

LeaseBatch::LeaseBatch(const Layout& layout, std::vector<LeaseRequest> requests, absl::Time deadline,
                       IsLocked is_locked)
    : layout_(layout),
      deadline_(deadline),
      waves_(std::move(requests), deadline, std::move(is_locked)),
      in_doubt_(waves_.size()) {}

std::optional<PutBack> LeaseBatch::Work(PgConnection& connection) {
  return waves_.Run([this] { return waves_.Next([](const LeaseRequest&) { return true; }); },
                    [this, &connection](const Wave& wave) { Send(connection, wave); });
}

LeaseBatch::Results LeaseBatch::Finish(const absl::Status& status) {
  Results results = waves_.Finish(status);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (in_doubt_[i] && !results[i].ok()) results[i] = WithOutcome(results[i].status(), Outcome::kUnknown);
  }
  return results;
}

PgConnection::Parameters LeaseBatch::Parameters(const Wave& wave) const {
  PgArray session_id = PgArray::Text();
  PgArray action = PgArray::Int2();
  PgArray owner = PgArray::Text();
  PgArray fence = PgArray::Int8();
  PgArray ttl = PgArray::Int8();
  PgArray steal = PgArray::Bool();
  PgArray next_fence = PgArray::Int8();
  PgArray applied_number = PgArray::Int8();
  PgArray expected_number = PgArray::Int8();
  for (const std::size_t member : wave) {
    const LeaseRequest& request = waves_[member];
    session_id.AddBytes(request.session_id);
    action.AddInt2(Number(request.action));
    owner.AddBytes(request.owner);
    fence.AddInt8(static_cast<std::int64_t>(request.fence));
    ttl.AddInt8(absl::ToInt64Microseconds(request.ttl));
    steal.AddBool(request.steal);
    const bool passes = request.action == LeaseRequest::Action::kPass;
    next_fence.AddInt8(static_cast<std::int64_t>(passes ? request.next_fence : request.fence_step));
    AddNumber(request.applied_number, &applied_number);
    AddNumber(request.expected_number, &expected_number);
  }
  PgConnection::Parameters parameters;
  for (PgArray* array :
       {&session_id, &action, &owner, &fence, &ttl, &steal, &next_fence, &applied_number, &expected_number}) {
    parameters.push_back(std::move(*array).Encode());
  }
  return parameters;
}

void LeaseBatch::Send(PgConnection& connection, const Wave& wave) {
  PgConnection::Parameters parameters = Parameters(wave);
  parameters.emplace_back();
  PgConnection::Execution execution;
  for (int i = 0; i < kMaxSends; ++i) {
    parameters.back() = EncodeLockTimeout(LockTimeout(waves_.lock_patience(), connection.StatementDeadline(deadline_)));
    execution = connection.Execute(layout_.leases, parameters, deadline_);
    if (!execution.failure.has_value()) break;
    if (InDoubt(*execution.failure)) {
      for (const std::size_t place : wave) in_doubt_[place] = true;
    }
    const bool standby = execution.failure->fault == Fault::kStandby && !execution.failure->overran;
    if (!MayRepeat(*execution.failure) && !standby) break;
  }
  if (execution.failure.has_value()) {
    return LockedOut(*execution.failure) ? waves_.GiveWay(wave)
                                         : waves_.AnswerPending(ToCommitStatus(*execution.failure));
  }
  for (std::size_t i = 0; i < wave.size(); ++i) {
    Understand(wave[i], execution.rows[static_cast<pqxx::result::size_type>(i)]);
  }
}

void LeaseBatch::Understand(std::size_t place, const pqxx::row& row) {
  const LeaseRequest& request = waves_[place];
  bool done = false;
  LeaseResult result;
  absl::string_view recent_ids;
  absl::string_view recent_revisions;
  ReadRow(row, done, result.lease, result.revision, result.applied_number, result.update_time, recent_ids,
          recent_revisions);
  result.recent = ToRecentCommits(recent_ids, recent_revisions);
  if (done) {
    if (result.lease.held()) result.lease.remaining = request.ttl;
    return waves_.Answer(place, std::move(result));
  }
  LeaseResult next = result;
  absl::Status refused = Advance(request, absl::UnixEpoch(), &next);
  if (!refused.ok()) {
    // One that gives the fence up may be refused because it was done before.
    const bool gives_up =
        request.action == LeaseRequest::Action::kRelease || request.action == LeaseRequest::Action::kPass;
    if (!gives_up) in_doubt_[place] = false;
    waves_.Answer(place, std::move(refused));
  } else if (request.action == LeaseRequest::Action::kGet) {
    waves_.Answer(place, std::move(result));
  }
  // Else it lost a race, and stays without a result.
}

}  // namespace authstate::storage
