#ifndef AUTHSTATE_TESTS_SUPPORT_FREE_PORT_H_
#define AUTHSTATE_TESTS_SUPPORT_FREE_PORT_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace authstate::test {

// A TCP port of 127.0.0.1 that nobody listens on. Another process may take it before the caller does: prefer letting a
// server pick its own (port 0) where it can tell which. Thread-safe.
absl::StatusOr<std::uint16_t> FreePort();

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_FREE_PORT_H_
