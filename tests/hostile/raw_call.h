#ifndef AUTHSTATE_TESTS_HOSTILE_RAW_CALL_H_
#define AUTHSTATE_TESTS_HOSTILE_RAW_CALL_H_

#include <grpc/compression.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate::test {

// Calls authstate.v1.AuthStateService/`method` with any bytes, over a connection of its own.
absl::Status RawCall(const std::string& address, absl::string_view method, const std::string& bytes,
                     grpc_compression_algorithm compression = GRPC_COMPRESS_NONE);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_RAW_CALL_H_
