#include "migrations/open_schema.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/readable_files.h"
#include "storage/postgres/schema/postgres_schema_store.h"
#include "storage/sqlite/sqlite_schema_store.h"

namespace authstate::migrations {
namespace {

absl::StatusOr<std::unique_ptr<storage::SchemaStore>> OpenStore(const profiles::DatabaseOptions& options,
                                                                std::vector<std::string>& warnings) {
  if (options.backend == profiles::BackendChoice::kSqlite) {
    auto store = storage::OpenSqliteSchemaStore(options.sqlite_path);
    warnings = profiles::WarningsOfDatabaseReaders(options.sqlite_path);
    return store;
  }
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options, options.backend);
  if (!target.ok()) return target.status();
  warnings = std::move(target->warnings);
  return storage::OpenPostgresSchemaStore(target->options);
}

}  // namespace

absl::StatusOr<OpenedSchema> OpenSchema(const profiles::DatabaseOptions& options) {
  OpenedSchema schema;
  auto store = OpenStore(options, schema.warnings);
  if (!store.ok()) return store.status();
  schema.title = absl::StrCat(profiles::NameOf(options.backend), " ", (*store)->location());
  schema.store = *std::move(store);
  return schema;
}

}  // namespace authstate::migrations
