#ifndef AUTHSTATE_STORAGE_SQLITE_SEALING_SQLITE_SEALER_H_
#define AUTHSTATE_STORAGE_SQLITE_SEALING_SQLITE_SEALER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/sealing/session_sealer.h"

namespace authstate::storage {

// Opens the file, whose schema is one that a server of this version serves. Its server goes on: a change is a
// transaction of SQLite, and whoever writes waits for the other's. Fails as the driver does.
absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSqliteSealer(const std::string& path);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SEALING_SQLITE_SEALER_H_
