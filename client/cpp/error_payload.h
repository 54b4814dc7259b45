#ifndef AUTHSTATE_CLIENT_CPP_ERROR_PAYLOAD_H_
#define AUTHSTATE_CLIENT_CPP_ERROR_PAYLOAD_H_

#include "absl/strings/string_view.h"

// Under which type URLs an absl::Status of the client carries the serialized details of the server's error: those that
// google.rpc.Status itself uses.
namespace authstate::client {

inline constexpr absl::string_view kErrorInfoUrl = "type.googleapis.com/google.rpc.ErrorInfo";
inline constexpr absl::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_ERROR_PAYLOAD_H_
