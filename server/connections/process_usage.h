#ifndef AUTHSTATE_SERVER_CONNECTIONS_PROCESS_USAGE_H_
#define AUTHSTATE_SERVER_CONNECTIONS_PROCESS_USAGE_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace authstate::server {

struct ProcessUsage {
  // Used so far, of all processors together.
  absl::Duration processor_time;
  // Resident now, and mapped, in bytes.
  std::uint64_t memory = 0;
  std::uint64_t address_space = 0;
  // Bytes of all responses made so far.
  std::uint64_t answered = 0;
};

// They are about this process. Both are thread-safe.
ProcessUsage ReadProcessUsage();
void CountAnswer(std::size_t bytes);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_PROCESS_USAGE_H_
