#include "tests/support/process_memory.h"

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace authstate::test {
namespace {

// proc(5): /proc/PID/status gives kibibytes.
std::size_t StatusField(pid_t pid, absl::string_view name) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (absl::StartsWith(line, name)) return std::stoull(line.substr(line.find(':') + 1)) * 1024;
  }
  return 0;
}

}  // namespace

std::size_t ResidentMemory(pid_t pid) { return StatusField(pid, "VmRSS:"); }
std::size_t PeakMemory(pid_t pid) { return StatusField(pid, "VmHWM:"); }

}  // namespace authstate::test
