#include "tests/hostile/process_memory.h"

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace authstate::test {
namespace {

std::size_t MibOf(pid_t pid, const char* field) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (absl::StartsWith(line, field)) return std::stoull(line.substr(line.find(':') + 1)) / 1024;
  }
  return 0;
}

}  // namespace

std::size_t ResidentMib(pid_t pid) { return MibOf(pid, "VmRSS:"); }
std::size_t PeakMib(pid_t pid) { return MibOf(pid, "VmHWM:"); }

}  // namespace authstate::test
