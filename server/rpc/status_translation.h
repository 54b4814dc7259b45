#ifndef AUTHSTATE_SERVER_RPC_STATUS_TRANSLATION_H_
#define AUTHSTATE_SERVER_RPC_STATUS_TRANSLATION_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace authstate::server {

// The one place where errors become RPC statuses: a canonical code with google.rpc.ErrorInfo (and RetryInfo where the
// error names a delay), as proto/authstate/v1/auth_state_service.proto documents them. `mutation` says that the caller
// must learn whether the work was applied: an error that does not say so is UNKNOWN, unless its code alone proves that
// nothing was (INVALID_ARGUMENT and the like).
//
// An error without a reason is a fault of ours: it becomes a generic INTERNAL, and the caller of this function logs the
// original under the request id.
grpc::Status TranslateStatus(const absl::Status& status, absl::string_view request_id, bool mutation);

// The same as a message, for an error that is part of an answer. `status` is not OK.
google::rpc::Status ToRpcStatus(const absl::Status& status, absl::string_view request_id, bool mutation);

// Whether TranslateStatus hides the message of this error.
bool IsUnmapped(const absl::Status& status);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_STATUS_TRANSLATION_H_
