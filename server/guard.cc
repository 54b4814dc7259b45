#include "server/guard.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/logging.h"
#include "server/request_id.h"
#include "server/request_parser.h"
#include "server/status_translation.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kOverloaded = "OVERLOADED";
constexpr absl::string_view kDraining = "DRAINING";
constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);

std::string RequestIdOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto sent = metadata.find(kRequestIdKey);
  if (sent == metadata.end()) return ChooseRequestId("");
  return ChooseRequestId(absl::string_view(sent->second.data(), sent->second.size()));
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context, absl::Duration default_deadline) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::Now() + default_deadline;
  return absl::FromChrono(deadline);
}

std::string SessionIdOf(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("session_id");
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

// How loud a failed call is: callers' faults are for those who look for them, ours are for everybody.
LogLevel LevelOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kNotFound:
      return LogLevel::kDebug;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return LogLevel::kInfo;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kFailedPrecondition:
      return LogLevel::kWarn;
    default:
      return LogLevel::kError;
  }
}

}  // namespace

std::unique_ptr<Call> Guard::Begin(const Method& method, grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer& request) {
  return std::make_unique<Call>(this, method, context, request);
}

absl::Status Guard::Admit(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  if (draining_) {
    return storage::WithOutcome(
        storage::Error(absl::StatusCode::kUnavailable, kDraining, "the server is stopping; call another, or again"),
        storage::Outcome::kNotApplied);
  }
  // A lone request is always admitted: it is within the limit of a message.
  if (requests_ > 0 && (requests_ >= options_.max_requests || request_bytes_ + bytes > options_.max_request_bytes)) {
    return storage::WithRetryDelay(
        storage::WithOutcome(storage::Error(absl::StatusCode::kResourceExhausted, kOverloaded,
                                            "the server has too many requests under way; try again later"),
                             storage::Outcome::kNotApplied),
        kOverloadRetryDelay);
  }
  ++requests_;
  request_bytes_ += bytes;
  return absl::OkStatus();
}

void Guard::Release(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  --requests_;
  request_bytes_ -= bytes;
}

void Guard::Drain(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_ == 0; };
  mutex_.AwaitWithDeadline(absl::Condition(&idle), deadline);
}

Call::Call(Guard* guard, const Method& method, grpc::CallbackServerContext* context, const grpc::ByteBuffer& request)
    : guard_(guard),
      method_(method),
      start_(absl::Now()),
      deadline_(DeadlineOf(*context, guard->options_.default_deadline)),
      request_id_(RequestIdOf(*context)),
      request_(request),
      request_bytes_(request.Length()),
      admission_(guard->Admit(request_bytes_)) {
  context->AddInitialMetadata(kRequestIdKey, request_id_);
}

Call::~Call() {
  if (admission_.ok()) guard_->Release(request_bytes_);
}

absl::Status Call::Receive(google::protobuf::Message* message) {
  if (!admission_.ok()) return admission_;
  absl::Status parsed = ParseRequest(request_, message);
  request_.Clear();
  if (parsed.ok()) session_id_ = SessionIdOf(*message);
  return parsed;
}

grpc::Status Call::Finish(const absl::Status& status) {
  LogOutcome(status);
  return TranslateStatus(status, request_id_, method_.mutation);
}

void Call::LogOutcome(const absl::Status& status) const {
  const LogLevel level = IsUnmapped(status) ? LogLevel::kError : LevelOf(status);
  if (!LogEnabled(level)) return;
  LogFields fields = {
      {"method", std::string(method_.name)},
      {"code", absl::StatusCodeToString(status.code())},
      {"ms", absl::StrCat(absl::ToDoubleMilliseconds(absl::Now() - start_))},
      {"request_id", request_id_},
      {"request_bytes", absl::StrCat(request_bytes_)},
  };
  // What was sent as an id is logged only once it is known to be one.
  if (!session_id_.empty() && !absl::IsInvalidArgument(status)) fields.emplace_back("session_id", session_id_);
  if (const auto reason = storage::ReasonOf(status)) fields.emplace_back("reason", *reason);
  if (!status.ok()) fields.emplace_back("error", std::string(status.message()));
  Log(level, status.ok() ? "call" : "call failed", fields);
}

absl::Status Serialize(const google::protobuf::Message& message, grpc::ByteBuffer* buffer) {
  bool own_buffer = false;
  const grpc::Status serialized =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, buffer, &own_buffer);
  if (serialized.ok()) return absl::OkStatus();
  return absl::InternalError("a response could not be serialized");
}

}  // namespace authstate::server
