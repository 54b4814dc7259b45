#include "server/rpc/status_translation.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kDomain = "authstate";
constexpr absl::string_view kInvalidField = "INVALID_FIELD";
constexpr absl::string_view kInternal = "INTERNAL";

std::string Reason(const absl::Status& status) {
  if (const auto reason = storage::ReasonOf(status)) return *reason;
  return std::string(FieldOf(status).has_value() ? kInvalidField : kInternal);
}

absl::string_view OutcomeName(const absl::Status& status) {
  if (const auto outcome = storage::OutcomeOf(status)) {
    return *outcome == storage::Outcome::kUnknown ? "UNKNOWN" : "NOT_APPLIED";
  }
  return absl::IsInvalidArgument(status) ? "NOT_APPLIED" : "UNKNOWN";
}

void AddRetryInfo(absl::Duration delay, google::rpc::Status* rpc_status) {
  google::rpc::RetryInfo retry;
  const std::int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  retry.mutable_retry_delay()->set_seconds(seconds);
  retry.mutable_retry_delay()->set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(delay)));
  rpc_status->add_details()->PackFrom(retry);
}

}  // namespace

bool IsUnmapped(const absl::Status& status) {
  return !status.ok() && !storage::ReasonOf(status).has_value() && !FieldOf(status).has_value();
}

google::rpc::Status ToRpcStatus(const absl::Status& status, absl::string_view request_id, bool mutation) {
  const auto code = IsUnmapped(status) ? grpc::StatusCode::INTERNAL : static_cast<grpc::StatusCode>(status.code());
  const std::string message = IsUnmapped(status)
                                  ? absl::StrCat("internal error; the server's log has request ", request_id)
                                  : std::string(status.message());

  google::rpc::ErrorInfo info;
  info.set_reason(Reason(status));
  info.set_domain(std::string(kDomain));
  auto& metadata = *info.mutable_metadata();
  metadata["request_id"] = std::string(request_id);
  if (const auto field = FieldOf(status)) metadata["field"] = *field;
  if (const auto revision = storage::RevisionOf(status)) metadata["revision"] = absl::StrCat(*revision);
  if (const auto fence = storage::FenceOf(status)) metadata["fence"] = absl::StrCat(*fence);
  if (const auto owner = storage::OwnerOf(status)) metadata["owner"] = *owner;
  if (mutation) metadata["outcome"] = std::string(OutcomeName(status));

  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(code));
  rpc_status.set_message(message);
  rpc_status.add_details()->PackFrom(info);
  if (const auto delay = storage::RetryDelayOf(status)) AddRetryInfo(*delay, &rpc_status);
  return rpc_status;
}

grpc::Status TranslateStatus(const absl::Status& status, absl::string_view request_id, bool mutation) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = ToRpcStatus(status, request_id, mutation);
  return {static_cast<grpc::StatusCode>(rpc_status.code()), rpc_status.message(), rpc_status.SerializeAsString()};
}

}  // namespace authstate::server
