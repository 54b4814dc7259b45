#ifndef AUTHSTATE_CLIENT_CPP_STATUS_TRANSLATION_H_
#define AUTHSTATE_CLIENT_CPP_STATUS_TRANSLATION_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace authstate::client {

// The status of a call with the details of its `grpc-status-details-bin` trailer as payloads (client/cpp/error.h).
// Details that cannot be parsed are left out; code and message always stay.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_STATUS_TRANSLATION_H_
