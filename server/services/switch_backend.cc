#include "server/services/switch_backend.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "server/handlers/backend_messages.h"
#include "server/log/logging.h"
#include "server/services/progress_stream.h"
#include "storage/backend.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kMaintenanceGoesAlong = absl::Seconds(5);

void LogSwitch(const storage::SwitchRequest& request, const storage::SwitchReport& report, const absl::Status& status) {
  LogFields fields = {{"target", request.target},
                      {"from", report.from},
                      {"forced", request.force ? "yes, nothing was compared" : "no"},
                      {"pause_ms", absl::StrCat(absl::ToDoubleMilliseconds(report.pause))},
                      {"sessions_compared", absl::StrCat(report.sessions_compared)},
                      {"sessions_copied", absl::StrCat(report.copies)},
                      {"differing_sessions", absl::StrCat(report.differing_sessions)}};
  if (!status.ok()) {
    fields.emplace_back("error", std::string(status.message()));
    Log(LogLevel::kWarn, "the backend was not switched", fields);
    return;
  }
  Log(LogLevel::kWarn,
      absl::StrCat("switched to backend ", request.target,
                   "; the next start takes what the configuration says: change AUTHSTATE_BACKEND (or --backend, or "
                   "USE_LEGACY_SUPABASE where that decides) to stay with it"),
      fields);
}

void LogSync(const storage::SyncRequest& request, const storage::SyncReport& report, const absl::Status& status) {
  LogFields fields = {{"target", request.target},
                      {"from", report.from},
                      {"sessions_equal", absl::StrCat(report.equal_sessions)},
                      {"sessions_copied", absl::StrCat(report.copies)},
                      {"differing_sessions", absl::StrCat(report.differing_sessions)},
                      {"refused_sessions", absl::StrCat(report.refused_sessions)},
                      {"overwrites", request.overwrite ? "yes" : "no"},
                      {"follows", status.ok() && request.follow ? "yes" : "no"}};
  if (!status.ok()) fields.emplace_back("error", std::string(status.message()));
  const absl::string_view what = request.mode == storage::SyncRequest::Mode::kSync ? "made equal" : "compared";
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarn,
      absl::StrCat("backend ", request.target, status.ok() ? " was " : " was not ", what), fields);
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSwitchBackend(storage::BackendTargets* targets,
                                                               storage::Backend* backend,
                                                               std::unique_ptr<GuardedCall> call,
                                                               grpc::CallbackServerContext* context) {
  auto* const stream = new ProgressStream<v1::SwitchBackendResponse>(std::move(call), context);
  v1::SwitchBackendRequest message;
  const absl::Status received = stream->Receive(&message);
  const absl::StatusOr<storage::SwitchRequest> request =
      received.ok() ? ToSwitchRequest(message) : absl::StatusOr<storage::SwitchRequest>(received);
  if (!request.ok()) {
    stream->Refuse(request.status());
    return stream;
  }
  targets->Switch(
      *request, [stream] { return stream->cancelled(); },
      [stream](const storage::SwitchProgress& progress) {
        v1::SwitchBackendResponse event;
        *event.mutable_progress() = ToMessage(progress);
        stream->Offer(std::move(event));
      },
      [stream, backend, request = *request](const absl::Status& status, const storage::SwitchReport& report) {
        LogSwitch(request, report, status);
        v1::SwitchBackendResponse event;
        *event.mutable_result() = ToMessage(report, status.ok());
        // Maintenance has gone along once the database that serves now was asked for it. Told before, somebody might
        // end it there through another server, and this one would begin it anew.
        storage::GrantRequest ask;
        ask.action = storage::GrantRequest::Action::kGetMaintenance;
        backend->Grants(std::move(ask), absl::Now() + kMaintenanceGoesAlong,
                        [stream, status, event = std::move(event)](const auto& /*answer*/) mutable {
                          stream->Conclude(status, std::move(event));
                        });
      });
  return stream;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSyncBackend(storage::BackendTargets* targets,
                                                             std::unique_ptr<GuardedCall> call,
                                                             grpc::CallbackServerContext* context) {
  auto* const stream = new ProgressStream<v1::SyncBackendResponse>(std::move(call), context);
  v1::SyncBackendRequest message;
  const absl::Status received = stream->Receive(&message);
  const absl::StatusOr<storage::SyncRequest> request =
      received.ok() ? ToSyncRequest(message) : absl::StatusOr<storage::SyncRequest>(received);
  if (!request.ok()) {
    stream->Refuse(request.status());
    return stream;
  }
  targets->Sync(
      *request, [stream] { return stream->cancelled(); },
      [stream](const storage::SwitchProgress& progress) {
        v1::SyncBackendResponse event;
        *event.mutable_progress() = ToMessage(progress);
        stream->Offer(std::move(event));
      },
      [stream, request = *request](const absl::Status& status, const storage::SyncReport& report) {
        LogSync(request, report, status);
        v1::SyncBackendResponse event;
        *event.mutable_result() = ToMessage(report);
        stream->Conclude(status, std::move(event));
      });
  return stream;
}

}  // namespace authstate::server
