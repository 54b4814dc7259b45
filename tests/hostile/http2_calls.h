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

// The number of a connection's `call`th call, from 0.
constexpr std::uint32_t StreamOf(std::uint32_t call) { return 2 * call + 1; }

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_HTTP2_CALLS_H_
