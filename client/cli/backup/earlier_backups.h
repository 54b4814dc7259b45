#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_EARLIER_BACKUPS_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_EARLIER_BACKUPS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/backup_reader.h"

namespace authstate::cli {

// The backups of one store in a folder, the newest first. Not thread-safe.
class EarlierBackups {
 public:
  // `list` and `keyring` outlive it. Backups of another store than `store_id` are passed over, and so are files that
  // cannot be opened or have no end, which `warn` is told.
  EarlierBackups(const BackupListing& list, const Keyring& keyring, std::string store_id,
                 std::function<void(const std::string& warning)> warn)
      : list_(list),
        keyring_(keyring),
        store_id_(std::move(store_id)),
        warn_(std::move(warn)),
        left_(list.files.size()) {}

  // What there is of the longest one that was never finished; nullptr: nothing that can be read.
  std::unique_ptr<BackupReader> OpenUnfinished() const;

  // The next one; nullptr: there is none left.
  std::unique_ptr<BackupReader> OpenNext();

 private:
  const BackupListing& list_;
  const Keyring& keyring_;
  const std::string store_id_;
  const std::function<void(const std::string& warning)> warn_;
  // How many of the files have not been come to.
  std::size_t left_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_EARLIER_BACKUPS_H_
