#include "migrations/open_orphans.h"

namespace authstate::migrations {

absl::StatusOr<std::unique_ptr<storage::OrphanFile>> OpenOrphans(const std::string& path,
                                                                 storage::OrphanFile::Purpose purpose) {
  return storage::OrphanFile::Open(path, purpose);
}

}  // namespace authstate::migrations
