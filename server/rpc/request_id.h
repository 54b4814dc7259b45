#ifndef AUTHSTATE_SERVER_RPC_REQUEST_ID_H_
#define AUTHSTATE_SERVER_RPC_REQUEST_ID_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate::server {

// Metadata key under which a request id travels, both ways.
inline constexpr char kRequestIdKey[] = "x-request-id";

// What the caller sent, when it is 1 to 64 bytes of [A-Za-z0-9._-]; else a new random id of 16 hex digits.
std::string ChooseRequestId(absl::string_view sent);

// Metadata key of the W3C's Trace Context (https://www.w3.org/TR/trace-context/), under which a caller says what its
// call is part of.
inline constexpr char kTraceParentKey[] = "traceparent";

// The id of the trace: 32 hex digits; empty where what was sent is no `traceparent`.
std::string TraceIdOf(absl::string_view trace_parent);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_REQUEST_ID_H_
