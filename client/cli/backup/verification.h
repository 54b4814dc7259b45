#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_VERIFICATION_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_VERIFICATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/backup/backup_reader.h"

namespace authstate::cli {

struct VerifiedBackup {
  BackupHeader header;
  BackupTotals totals;
  // Ids of the sessions that an earlier backup had last (SessionStamp::kept).
  std::vector<std::string> kept;
};

// Reads all of a file, from the disk where the system lets it, and checks every byte. Fails as BackupReader; an error
// of `on_session`, which hears how many there were, ends the reading.
absl::StatusOr<VerifiedBackup> VerifyBackup(const std::string& path, const Keyring& keyring,
                                            absl::FunctionRef<absl::Status(std::uint64_t sessions)> on_session);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_VERIFICATION_H_
