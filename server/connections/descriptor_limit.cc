#include "server/connections/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace authstate::server {

std::size_t RaiseDescriptorLimit() {
  // A sandbox may not let us ask; this is what POSIX systems begin with.
  constexpr std::size_t kUnknown = 1'024;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kUnknown;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::size_t MaxConnections(std::size_t descriptors) {
  constexpr std::size_t kMost = 4'096;
  constexpr std::size_t kKept = 256;
  return std::min((descriptors - std::min(descriptors / 4, kKept)) / 2, kMost);
}

}  // namespace authstate::server
