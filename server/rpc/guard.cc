#include "server/rpc/guard.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/names.h"
#include "server/access/credentials.h"
#include "server/connections/message_bytes.h"
#include "server/connections/process_usage.h"
#include "server/log/logging.h"
#include "server/rpc/failure_level.h"
#include "server/rpc/request_id.h"
#include "server/rpc/request_parser.h"
#include "server/rpc/status_translation.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

std::string RequestIdOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto sent = metadata.find(kRequestIdKey);
  if (sent == metadata.end()) return ChooseRequestId("");
  return ChooseRequestId(absl::string_view(sent->second.data(), sent->second.size()));
}

std::string TraceOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto sent = metadata.find(kTraceParentKey);
  return sent == metadata.end() ? "" : TraceIdOf(absl::string_view(sent->second.data(), sent->second.size()));
}

// abseil reads the clock of the system, by which gRPC tells a deadline, every two seconds, and counts in between: where
// that was put back by more than a call may take, all deadlines would have passed until then. What is left of this one
// does not depend on it.
absl::Time DeadlineOf(const grpc::CallbackServerContext& context, absl::Duration default_deadline) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::Now() + default_deadline;
  return absl::Now() + absl::FromChrono(deadline - std::chrono::system_clock::now());
}

bool Steals(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("steal");
  return field != nullptr && message.GetReflection()->GetBool(message, field);
}

std::string StringOf(const google::protobuf::Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

}  // namespace

void Guard::Drain(absl::Time deadline) {
  constexpr absl::Duration kLongestGrace = absl::Seconds(2);
  const absl::Time now = absl::Now();
  streams_.Drain(now + std::clamp((deadline - now) / 2, absl::ZeroDuration(), kLongestGrace));
  if (admission_.Drain(deadline)) return;
  unanswered_.AnswerAll(storage::WithOutcome(
      storage::Error(absl::StatusCode::kUnavailable, kDraining, "the server stopped before this was done"),
      storage::Outcome::kUnknown));
}

std::optional<std::uint64_t> Guard::TakeLine(const absl::Status& status) {
  constexpr int kLinesPerSecond = 20;
  const std::string kind = storage::ReasonOf(status).value_or(absl::StatusCodeToString(status.code()));
  const absl::MutexLock lock(&mutex_);
  return lines_.try_emplace(kind, kLinesPerSecond).first->second.Take(absl::Now());
}

std::unique_ptr<GuardedCall> Guard::Begin(const Method& method, grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer& request) {
  return std::make_unique<GuardedCall>(this, method, context, request);
}

GuardedCall::GuardedCall(Guard* guard, const Method& method, grpc::CallbackServerContext* context,
                         const grpc::ByteBuffer& request)
    : guard_(guard),
      method_(method),
      counts_(guard->counts()->Of(method)),
      start_(absl::Now()),
      deadline_(DeadlineOf(*context, guard->options_.default_deadline)),
      request_id_(RequestIdOf(*context)),
      trace_id_(TraceOf(*context)),
      peer_(context->peer()),
      request_(request),
      request_bytes_(request.Length()),
      caller_(std::make_shared<Caller>(guard->access_, CredentialsOf(*context))),
      admitted_(Admit()) {
  counts_.started.fetch_add(1, std::memory_order_relaxed);
  CountMessage(peer_, request_bytes_);
  context->AddInitialMetadata(kRequestIdKey, request_id_);
}

GuardedCall::~GuardedCall() {
  if (entered_) guard_->admission_.Leave(request_bytes_);
}

absl::Status GuardedCall::Admit() {
  absl::Status recordable = guard_->audit() != nullptr ? guard_->audit()->Admit() : absl::OkStatus();
  if (!recordable.ok()) return recordable;
  absl::Status entered = guard_->admission_.Enter(request_bytes_);
  entered_ = entered.ok();
  if (!entered_) return entered;
  if (absl::Status known = caller_->Authenticate(); !known.ok()) return known;
  absl::StatusOr<std::shared_ptr<CallerLimits::Use>> use = guard_->callers_.Enter(caller_->name());
  if (!use.ok()) return use.status();
  use_ = *std::move(use);
  return absl::OkStatus();
}

absl::Status GuardedCall::Receive(google::protobuf::Message* message) {
  if (!admitted_.ok()) return admitted_;
  absl::Status parsed = ParseRequest(request_, message);
  request_.Clear();
  if (!parsed.ok()) return parsed;
  session_id_ = StringOf(*message, "session_id");
  // Requests about one token are the only ones of this reach that have an id.
  if (method_.need.reach == Reach::kServer) token_id_ = StringOf(*message, "id");
  return Permit(*message);
}

void GuardedCall::NoteAnswer(const google::protobuf::Message& response) {
  if (method_.need.reach != Reach::kServer) return;
  const auto* const field = response.GetDescriptor()->FindFieldByName("token");
  if (field != nullptr) token_id_ = StringOf(response.GetReflection()->GetMessage(response, field), "id");
}

absl::Status GuardedCall::Permit(const google::protobuf::Message& message) {
  absl::Status permitted = StillPermitted();
  if (!permitted.ok() || !method_.need.may_steal || !Steals(message)) return permitted;
  return caller_->Permit(storage::Right::kSteal, session_id_);
}

absl::Status GuardedCall::StillPermitted() {
  switch (method_.need.reach) {
    case Reach::kSession:
      return caller_->Permit(method_.need.right, session_id_);
    case Reach::kSessions:
      return caller_->Scopes(method_.need.right).status();
    case Reach::kServer:
      return caller_->PermitAdmin();
    case Reach::kOperations:
      break;
  }
  return caller_->Authenticate();
}

void GuardedCall::CountEnd(const absl::Status& status) { guard_->counts()->End(counts_, status, absl::Now() - start_); }

grpc::Status GuardedCall::Finish(const absl::Status& status) {
  CountEnd(status);
  LogOutcome(status);
  if (guard_->audit() != nullptr) guard_->audit()->Write(Record(), status);
  return TranslateStatus(status, request_id_, method_.mutation);
}

void GuardedCall::LogOutcome(const absl::Status& status) const {
  const LogLevel level = LevelOf(method_.name, status);
  if (!LogEnabled(level)) return;
  const std::optional<std::uint64_t> unlogged = status.ok() ? 0 : guard_->TakeLine(status);
  if (!unlogged.has_value()) return;
  LogFields fields = {
      {"method", std::string(method_.name)},
      {"code", absl::StatusCodeToString(status.code())},
      {"ms", absl::StrCat(absl::ToDoubleMilliseconds(absl::Now() - start_))},
      {"request_id", request_id_},
      {"request_bytes", absl::StrCat(request_bytes_)},
  };
  if (!trace_id_.empty()) fields.emplace_back("trace_id", trace_id_);
  // What was sent as an id is logged only where it is one.
  if (CheckSessionId(session_id_).ok()) fields.emplace_back("session_id", session_id_);
  if (!caller_->name().empty()) fields.emplace_back("caller", caller_->name());
  if (const auto reason = storage::ReasonOf(status)) fields.emplace_back("reason", *reason);
  if (!status.ok()) fields.emplace_back("error", std::string(status.message()));
  if (auto cause = storage::CauseOf(status)) fields.emplace_back("cause", *std::move(cause));
  if (*unlogged > 0) fields.emplace_back("more_unlogged", absl::StrCat(*unlogged));
  Log(level, status.ok() ? "call" : "call failed", fields);
}

AuditRecord GuardedCall::Record() const {
  AuditRecord record;
  record.method = std::string(method_.name);
  record.caller = caller_->name();
  record.certificate = caller_->certificate();
  record.peer = peer_;
  record.session_id = session_id_;
  record.token_id = token_id_;
  record.request_id = request_id_;
  return record;
}

absl::Status Serialize(const google::protobuf::Message& message, grpc::ByteBuffer* buffer) {
  bool own_buffer = false;
  const grpc::Status serialized =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, buffer, &own_buffer);
  if (!serialized.ok()) return absl::InternalError("a response could not be serialized");
  CountAnswer(buffer->Length());
  return absl::OkStatus();
}

}  // namespace authstate::server
