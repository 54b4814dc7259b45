#include "server/services/copy_store.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "authstate/v1/admin_service.pb.h"
#include "server/handlers/request_error.h"
#include "server/handlers/state_messages.h"
#include "server/log/logging.h"
#include "server/services/progress_stream.h"

namespace authstate::server {
namespace {

constexpr std::size_t kMaxNameBytes = 128;
// So that no other program takes a copy for a file of its own: a journal of SQLite's, a unit, a job of cron.
constexpr absl::string_view kSuffix = ".db";

// Of a file in a folder that the operator has chosen: no way leads out of it.
absl::Status CheckName(absl::string_view name) {
  if (name.size() <= kSuffix.size() || name.size() > kMaxNameBytes) {
    return InvalidField("name", absl::StrCat("is not ", kSuffix.size() + 1, " to ", kMaxNameBytes, " bytes"));
  }
  if (!absl::EndsWith(name, kSuffix)) return InvalidField("name", absl::StrCat("does not end in ", kSuffix));
  const auto allowed = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; };
  if (!absl::ascii_isalnum(static_cast<unsigned char>(name.front())) ||
      !std::all_of(name.begin(), name.end(), allowed)) {
    return InvalidField("name", "is not of [A-Za-z0-9._-], with a letter or a digit first");
  }
  return absl::OkStatus();
}

void LogCopy(const std::string& name, const absl::StatusOr<storage::CopyReport>& copied) {
  if (!copied.ok()) {
    Log(LogLevel::kWarn, "the store was not copied",
        {{"name", name}, {"error", std::string(copied.status().message())}});
    return;
  }
  Log(LogLevel::kInfo, "the store was copied", {{"path", copied->path}, {"bytes", absl::StrCat(copied->bytes)}});
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartCopyStore(storage::BackendTargets* targets,
                                                           std::unique_ptr<GuardedCall> call,
                                                           grpc::CallbackServerContext* context) {
  auto* const stream = new ProgressStream<v1::CopyStoreResponse>(std::move(call), context);
  v1::CopyStoreRequest message;
  absl::Status received = stream->Receive(&message);
  if (received.ok()) received = CheckName(message.name());
  if (!received.ok()) {
    stream->Refuse(received);
    return stream;
  }
  storage::CopyRequest request;
  request.name = message.name();
  request.cancelled = [stream] { return stream->cancelled(); };
  request.progress = [stream](const storage::CopyProgress& progress) {
    v1::CopyStoreResponse event;
    event.mutable_progress()->set_copied_bytes(progress.copied_bytes);
    event.mutable_progress()->set_total_bytes(progress.total_bytes);
    event.mutable_progress()->set_checking(progress.checking);
    stream->Offer(std::move(event));
  };
  targets->Copy(std::move(request), [stream, name = message.name()](const absl::StatusOr<storage::CopyReport>& copied) {
    LogCopy(name, copied);
    if (!copied.ok()) return stream->Conclude(copied.status(), std::nullopt);
    v1::CopyStoreResponse event;
    event.mutable_result()->set_path(copied->path);
    event.mutable_result()->set_bytes(copied->bytes);
    SetMicros(absl::ToUnixMicros(copied->time), event.mutable_result()->mutable_time());
    stream->Conclude(absl::OkStatus(), std::move(event));
  });
  return stream;
}

}  // namespace authstate::server
