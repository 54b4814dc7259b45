#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_STORE_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/schema_store.h"

namespace authstate::storage {

// The schema of an existing SQLite file. Reading it disturbs no server; changing it is refused (FailedPrecondition)
// while a server uses the file. NotFound when there is no file; else fails as OpenSqliteBackend does.
absl::StatusOr<std::unique_ptr<SchemaStore>> OpenSqliteSchemaStore(const std::string& path);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_STORE_H_
