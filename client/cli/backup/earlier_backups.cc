#include "client/cli/backup/earlier_backups.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace authstate::cli {

std::unique_ptr<BackupReader> EarlierBackups::OpenUnfinished() const {
  if (list_.unfinished.empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(list_.unfinished.front(), keyring_);
  if (!reader.ok() || (*reader)->header().IsOfAnotherStore(store_id_)) return nullptr;
  return *std::move(reader);
}

std::unique_ptr<BackupReader> EarlierBackups::OpenNext() {
  while (left_ > 0) {
    const BackupFile& file = list_.files[--left_];
    absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(file.path, keyring_);
    if (!reader.ok()) {
      warn_(absl::StrCat(reader.status().message(), "; nothing is taken over from it"));
    } else if (!file.has_end) {
      warn_(absl::StrCat(file.path, " has no end; nothing is taken over from it"));
    } else if (!(*reader)->header().IsOfAnotherStore(store_id_)) {
      return *std::move(reader);
    }
  }
  return nullptr;
}

}  // namespace authstate::cli
