#include "client/cpp/status_translation.h"

#include "absl/strings/cord.h"
#include "client/cpp/error_payload.h"
#include "google/rpc/status.pb.h"

namespace authstate::client {

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // gRPC and abseil number the canonical codes alike.
  absl::Status translated(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details())) return translated;
  for (const auto& detail : details.details()) {
    if (detail.type_url() == kErrorInfoUrl || detail.type_url() == kRetryInfoUrl) {
      translated.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return translated;
}

}  // namespace authstate::client
