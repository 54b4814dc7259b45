#include "client/cli/backup/verification.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>

namespace authstate::cli {
namespace {

// What is in memory says nothing of what the disk has got.
void ForgetCached(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

}  // namespace

absl::StatusOr<VerifiedBackup> VerifyBackup(const std::string& path, const Keyring& keyring,
                                            absl::FunctionRef<absl::Status(std::uint64_t sessions)> on_session) {
  ForgetCached(path);
  const absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(path, keyring);
  if (!reader.ok()) return reader.status();
  VerifiedBackup verified{(*reader)->header(), {}, {}};
  while (true) {
    const absl::StatusOr<std::optional<SessionStamp>> stamp = (*reader)->NextSession();
    if (!stamp.ok()) return stamp.status();
    if (!stamp->has_value()) break;
    if ((*stamp)->kept) verified.kept.push_back((*stamp)->session_id);
    absl::Status heard = on_session((*reader)->totals().sessions);
    if (!heard.ok()) return heard;
  }
  verified.totals = (*reader)->totals();
  return verified;
}

}  // namespace authstate::cli
