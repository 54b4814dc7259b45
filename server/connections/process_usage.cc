#include "server/connections/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

namespace authstate::server {
namespace {

std::atomic<std::uint64_t> answered = 0;

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  usage.processor_time = absl::DurationFromTimeval(own.ru_utime) + absl::DurationFromTimeval(own.ru_stime);
  // proc(5): all pages, then those resident.
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (statm >> all >> resident) {
    usage.memory = resident * page;
    usage.address_space = all * page;
  }
  usage.answered = answered.load(std::memory_order_relaxed);
  return usage;
}

void CountAnswer(std::size_t bytes) { answered.fetch_add(bytes, std::memory_order_relaxed); }

}  // namespace authstate::server
