#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_STORE_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "storage/postgres/postgres_options.h"
#include "storage/schema_store.h"

namespace authstate::storage {

// The schema of a PostgreSQL, of the layout that `options` name or the database shows. The lock is that of a table
// within the transaction that it guards, and its time-out is set there, so that it holds through a transaction pooler
// too. Fails as OpenPostgresBackend does.
absl::StatusOr<std::unique_ptr<SchemaStore>> OpenPostgresSchemaStore(const PostgresOptions& options);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_STORE_H_
