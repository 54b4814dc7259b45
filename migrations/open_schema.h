#ifndef AUTHSTATE_MIGRATIONS_OPEN_SCHEMA_H_
#define AUTHSTATE_MIGRATIONS_OPEN_SCHEMA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/database_options.h"
#include "storage/schema_store.h"

namespace authstate::migrations {

// A database whose schema is to be looked at or changed.
struct OpenedSchema {
  // `timeweb db.example:5432/auth`.
  std::string title;
  // What an operator should know of the connection. No secrets.
  std::vector<std::string> warnings;
  std::unique_ptr<storage::SchemaStore> store;
};

// The database that the options choose. InvalidArgument when they do not suffice; else fails as the drivers do.
absl::StatusOr<OpenedSchema> OpenSchema(const profiles::DatabaseOptions& options);

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_OPEN_SCHEMA_H_
