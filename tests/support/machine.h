#ifndef AUTHSTATE_TESTS_SUPPORT_MACHINE_H_
#define AUTHSTATE_TESTS_SUPPORT_MACHINE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace authstate::test {

// Whether the shell command succeeds on this machine: for what a test needs of it and a container may not allow. In CI
// (the environment variable) it has to, and the test fails.
inline bool MachineCan(const std::string& command) {
  const bool can = std::system(absl::StrCat("(", command, ") </dev/null >/dev/null 2>&1").c_str()) == 0;
  EXPECT_TRUE(can || std::getenv("CI") == nullptr) << "CI requires that this succeeds: " << command;
  return can;
}

inline bool MachineHasTerminals() { return MachineCan("script -qec true /dev/null"); }

// As tests/support/serve_postgres_with_small_disk.sh does.
inline bool MachineCanMount() {
  return MachineCan(
      "mount='mount -t tmpfs authstate-test /mnt'; if [ \"$(id -u)\" -eq 0 ]; then unshare --mount $mount; else "
      "unshare --user --map-current-user --keep-caps --mount $mount; fi");
}

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_MACHINE_H_
