#ifndef AUTHSTATE_MIGRATIONS_TABLES_TABLE_MOVE_H_
#define AUTHSTATE_MIGRATIONS_TABLES_TABLE_MOVE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"
#include "profiles/database_options.h"
#include "storage/deadline_timer.h"

namespace authstate::tables {

// Two databases that are compared, or of which one is made as the other. Not thread-safe.
struct TableMove {
  // Outlives the connections.
  std::unique_ptr<storage::DeadlineTimer> timer;
  std::unique_ptr<Database> from;
  std::unique_ptr<Database> to;
  Catalogue from_catalogue;
  Catalogue to_catalogue;
  // What an operator should know of the connections. No secrets.
  std::vector<std::string> warnings;

  // Reads both catalogues anew.
  absl::Status ReadCatalogues(const std::string& schema);
};

// Connects to the databases of two profiles. InvalidArgument when the options do not suffice, or both profiles lead to
// the same place; else fails as Database::Open does.
absl::StatusOr<TableMove> ConnectTableMove(const profiles::DatabaseOptions& options, profiles::BackendChoice from,
                                           profiles::BackendChoice to, const Patience& patience,
                                           const Database::Interrupted& interrupted);

// The same, and reads what is in `schema`; fails also as ReadCatalogue does.
absl::StatusOr<TableMove> OpenTableMove(const profiles::DatabaseOptions& options, profiles::BackendChoice from,
                                        profiles::BackendChoice to, const std::string& schema, const Patience& patience,
                                        const Database::Interrupted& interrupted);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_TABLE_MOVE_H_
