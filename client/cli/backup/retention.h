#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace authstate::cli {

struct Retention {
  // Of so many days, and of so many weeks, that have a backup, the newest one is kept.
  std::uint64_t days = 0;
  std::uint64_t weeks = 0;
};

// Whether each of the backups of these times stays; they are in the order in which they were made, the newest last.
// That one stays in any case. Days are those of UTC, and weeks begin on Monday. Pure.
std::vector<bool> Kept(const std::vector<absl::Time>& times, const Retention& retention);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_RETENTION_H_
