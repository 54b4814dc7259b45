#include "server/handlers/backend_messages.h"

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/handlers/duration_field.h"
#include "server/handlers/request_error.h"
#include "server/handlers/state_messages.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kLeastPause = absl::Milliseconds(10);
constexpr absl::Duration kLongestPause = absl::Seconds(60);

void Set(absl::Duration duration, google::protobuf::Duration* message) {
  message->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message->set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration)));
}

v1::SwitchProgress::Phase ToPhase(storage::SwitchProgress::Phase phase) {
  switch (phase) {
    case storage::SwitchProgress::Phase::kOpening:
      return v1::SwitchProgress::PHASE_OPENING;
    case storage::SwitchProgress::Phase::kComparing:
      return v1::SwitchProgress::PHASE_COMPARING;
    case storage::SwitchProgress::Phase::kPaused:
      return v1::SwitchProgress::PHASE_PAUSED;
    case storage::SwitchProgress::Phase::kSwitched:
      return v1::SwitchProgress::PHASE_SWITCHED;
  }
  return v1::SwitchProgress::PHASE_UNSPECIFIED;
}

void AddDifferences(const std::vector<storage::SessionDifference>& differences,
                    google::protobuf::RepeatedPtrField<v1::SessionDifference>* messages) {
  for (const storage::SessionDifference& difference : differences) {
    v1::SessionDifference* const added = messages->Add();
    added->set_session_id(difference.session_id);
    added->set_what(difference.what);
  }
}

}  // namespace

absl::StatusOr<storage::SwitchRequest> ToSwitchRequest(const v1::SwitchBackendRequest& request) {
  storage::SwitchRequest result;
  if (request.target().empty()) return InvalidField("target", "is empty");
  result.target = request.target();
  result.force = request.force();
  result.sync = request.sync();
  result.overwrite = request.overwrite();
  result.follow = request.follow();
  if (result.sync && result.force) return InvalidField("sync", "does not go with force, which compares nothing");
  if (result.overwrite && !result.sync) return InvalidField("overwrite", "is only for a switch with sync");
  if (request.has_max_pause()) {
    const absl::StatusOr<absl::Duration> max_pause = DurationField("max_pause", request.max_pause());
    if (!max_pause.ok()) return max_pause.status();
    result.max_pause = *max_pause;
    if (result.max_pause < kLeastPause || result.max_pause > kLongestPause) {
      return InvalidField("max_pause", "is not between 10 ms and 60 s");
    }
  }
  return result;
}

absl::StatusOr<storage::SyncRequest> ToSyncRequest(const v1::SyncBackendRequest& request) {
  storage::SyncRequest result;
  if (request.target().empty()) return InvalidField("target", "is empty");
  result.target = request.target();
  switch (request.mode()) {
    case v1::SyncBackendRequest::MODE_UNSPECIFIED:
    case v1::SyncBackendRequest::MODE_SYNC:
      break;
    case v1::SyncBackendRequest::MODE_DRY_RUN:
      result.mode = storage::SyncRequest::Mode::kDryRun;
      break;
    case v1::SyncBackendRequest::MODE_VERIFY:
      result.mode = storage::SyncRequest::Mode::kVerify;
      break;
    default:
      return InvalidField("mode", "is none that is known");
  }
  result.overwrite = request.overwrite();
  result.follow = request.follow();
  if (result.follow && result.mode != storage::SyncRequest::Mode::kSync) {
    return InvalidField("follow", "is only for MODE_SYNC");
  }
  result.max_bytes_per_second = request.max_bytes_per_second();
  return result;
}

v1::SwitchProgress ToMessage(const storage::SwitchProgress& progress) {
  v1::SwitchProgress message;
  message.set_phase(ToPhase(progress.phase));
  message.set_round(static_cast<std::uint32_t>(progress.round));
  message.set_compared(progress.compared);
  message.set_total(progress.total);
  return message;
}

v1::SwitchResult ToMessage(const storage::SwitchReport& report, bool switched) {
  v1::SwitchResult message;
  message.set_switched(switched);
  message.set_from(report.from);
  Set(report.pause, message.mutable_pause());
  message.set_sessions_compared(report.sessions_compared);
  message.set_other_revisions(report.other_revisions);
  message.set_differing_sessions(report.differing_sessions);
  AddDifferences(report.differences, message.mutable_differences());
  message.set_sessions_copied(report.copies);
  return message;
}

v1::SyncResult ToMessage(const storage::SyncReport& report) {
  v1::SyncResult message;
  message.set_from(report.from);
  message.set_sessions_equal(report.equal_sessions);
  message.set_sessions_copied(report.copies);
  message.set_bytes_read(report.bytes_read);
  message.set_differing_sessions(report.differing_sessions);
  message.set_refused_sessions(report.refused_sessions);
  AddDifferences(report.differences, message.mutable_differences());
  return message;
}

v1::Backend ToMessage(const storage::TargetState& target) {
  v1::Backend message;
  message.set_name(target.name);
  if (target.description.has_value()) {
    message.set_kind(target.description->kind);
    message.set_location(target.description->location);
    message.set_layout(target.description->layout);
    message.set_tls(target.description->tls);
    message.set_pooler(target.description->pooler);
    message.set_schema_version(target.description->schema_version);
  }
  message.set_serving(target.serving);
  if (target.serving_since.has_value()) {
    message.mutable_serving_since()->set_seconds(absl::ToUnixSeconds(*target.serving_since));
  }
  message.set_connections(static_cast<std::uint32_t>(target.stats.connections));
  message.set_statements(target.stats.statements);
  message.set_errors(target.stats.errors);
  for (const auto& [error_class, count] : target.stats.errors_by_class) {
    (*message.mutable_errors_by_class())[error_class] = count;
  }
  message.set_statements_last_minute(target.stats.last_minute.statements);
  message.set_errors_last_minute(target.stats.last_minute.errors);
  Set(target.stats.last_minute.p50, message.mutable_median_latency());
  Set(target.stats.last_minute.p99, message.mutable_p99_latency());
  if (target.following.has_value()) {
    v1::Backend::Following& following = *message.mutable_following();
    SetMicros(absl::ToUnixMicros(target.following->since), following.mutable_since());
    if (target.following->equal_time.has_value()) {
      SetMicros(absl::ToUnixMicros(*target.following->equal_time), following.mutable_equal_time());
    }
    following.set_differing_sessions(target.following->differing_sessions);
    following.set_error(target.following->error);
  }
  return message;
}

v1::Backend::Probe ToMessage(const absl::Status& probe) {
  v1::Backend::Probe message;
  message.set_usable(probe.ok());
  if (!probe.ok()) message.set_error(std::string(probe.message()));
  return message;
}

v1::WriteBehind ToMessage(const storage::WriteBehindState& state) {
  v1::WriteBehind message;
  message.set_store_id(state.store_id);
  message.set_address(state.address);
  message.set_sessions(state.sessions);
  message.set_unflushed_sessions(state.dirty_sessions);
  message.set_unflushed_commits(state.commits);
  message.set_unflushed_bytes(state.bytes);
  message.set_orphans(state.orphans);
  if (state.oldest.has_value()) {
    SetMicros(absl::ToUnixMicros(*state.oldest), message.mutable_oldest_unflushed_time());
  }
  if (state.away_since.has_value()) {
    SetMicros(absl::ToUnixMicros(*state.away_since), message.mutable_away_since());
  }
  return message;
}

}  // namespace authstate::server
