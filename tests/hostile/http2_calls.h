#ifndef AUTHSTATE_TESTS_HOSTILE_HTTP2_CALLS_H_
#define AUTHSTATE_TESTS_HOSTILE_HTTP2_CALLS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// The header block (RFC 7541) of a call of authstate.v1.AuthStateService/`method`, after which each further block of
// the same connection can be NextCall(): six bytes, as the peer remembers the headers.
std::string FirstCall(absl::string_view method);
std::string NextCall();

// The beginning of a message of so many bytes
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
std::string MessagePrefix(std::uint32_t bytes);

// The number of a connection's `call`th call, from 0.
constexpr std::uint32_t StreamOf(std::uint32_t call) { return 2 * call + 1; }

// The frame that begins a connection's `call`th call, and the frames of a whole call. All of one connection are of one
// `method`.
std::string BeginCall(std::uint32_t call, absl::string_view method);
std::string WholeCall(std::uint32_t call, absl::string_view method, absl::string_view message);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_HTTP2_CALLS_H_
