#ifndef AUTHSTATE_TESTS_INTEGRATION_MOUNTS_H_
#define AUTHSTATE_TESTS_INTEGRATION_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

// Programs that see a folder as it is nowhere else. Linux alone.
namespace authstate::test {

// Scripts for WithMounts, which take the folder as their argument: a disk of 4 MB in its place; what is in it, but for
// reading only.
inline constexpr char kMountSmallDisk[] = R"(mount -t tmpfs -o size=4m authstate-test "$1"; shift; exec "$@")";
inline constexpr char kMountReadOnly[] = R"(mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; exec "$@")";

// What a program's command line begins with so that `script` runs first, with `arguments` and the program's command
// line as its own, where it may mount what nobody else sees: as root, or else in a user namespace.
std::vector<std::string> WithMounts(const std::string& script, const std::vector<std::string>& arguments);

// Whether anything can be mounted here; if not, why.
absl::Status TryToMount();

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_MOUNTS_H_
