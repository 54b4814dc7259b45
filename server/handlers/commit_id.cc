#include "server/handlers/commit_id.h"

#include <limits>

#include "absl/random/random.h"

namespace authstate::server {

std::uint64_t NewCommitId() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform<std::uint64_t>(absl::IntervalClosed, random, 1, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace authstate::server
