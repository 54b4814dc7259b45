#ifndef AUTHSTATE_STORAGE_SQLITE_STORE_COPY_H_
#define AUTHSTATE_STORAGE_SQLITE_STORE_COPY_H_

#include <string>

#include "absl/status/statusor.h"
#include "storage/backend_targets.h"

namespace authstate::storage {

// Copies the store at `store`, which a server has open, page by page as it is at one moment, into `folder`, under
// `request.name`. That moment is held in the log, which grows until the pages are copied; writers do not wait. The copy
// needs no log of its own: it is one file. Until it is complete, read back and synced it stands beside, under a name
// that no copy has, where the next one finds and removes it should this process end. Blocks; errors are those of
// BackendTargets::Copy.
//
// SQLite's backup, and not VACUUM INTO: it reads each page once and in order, so the log is held for the shortest time,
// and it stops, and tells how far it is, at any page. As long as its source stays in one transaction it never begins
// anew.
absl::StatusOr<CopyReport> CopySqliteStore(const std::string& store, const std::string& folder,
                                           const CopyRequest& request);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_STORE_COPY_H_
