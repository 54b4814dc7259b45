#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace authstate::cli {

struct Retention {
  // The newest backup is kept of each of so many days, and so many weeks, that have one.
  std::uint64_t days = 0;
  std::uint64_t weeks = 0;
};

// Whether each of the backups of these times stays; they are in the order in which they were made, the newest last.
// That one stays in any case. Days are those of UTC, and weeks begin on Monday. Pure.
std::vector<bool> Kept(const std::vector<absl::Time>& times, const Retention& retention);

// The same of backups of which the last is right, and any other may be damaged: one that would stay while another of
// its week goes has to be right, which `is_right` tells of its place, at most once each. One that is not stays, and
// does not count: another stays in its place. Fails as `is_right`.
absl::StatusOr<std::vector<bool>> KeptForRight(const std::vector<absl::Time>& times, const Retention& retention,
                                               absl::FunctionRef<absl::StatusOr<bool>(std::size_t place)> is_right);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_
