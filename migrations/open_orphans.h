#ifndef AUTHSTATE_MIGRATIONS_OPEN_ORPHANS_H_
#define AUTHSTATE_MIGRATIONS_OPEN_ORPHANS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/sqlite/homes/orphans.h"

namespace authstate::migrations {

// As storage::OrphanFile::Open: how the command line reaches a file of write-behind, which no server tells of.
absl::StatusOr<std::unique_ptr<storage::OrphanFile>> OpenOrphans(const std::string& path,
                                                                 storage::OrphanFile::Purpose purpose);

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_OPEN_ORPHANS_H_
