#include "storage/sqlite/sqlite_schema.h"

#include <string>
#include <vector>

#include "storage/error.h"
#include "storage/sqlite/homes/home_row.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

bool HasForeignTables(SqliteConnection& connection) {
  SQLite::Statement& count = connection.Prepare(sql::kCountForeignTables);
  (void)count.executeStep();
  const bool foreign = count.getColumn(0).getInt64() > 0;
  count.reset();
  return foreign;
}

absl::StatusOr<PreparedSchema> PrepareInTransaction(SqliteConnection& connection, bool migrate, bool create) {
  connection.database().exec(sql::kCreateMigrationsTable);
  const std::vector<AppliedMigration> applied = AppliedSqliteMigrations(connection);
  if (applied.empty() && HasForeignTables(connection)) {
    return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown,
                 "the file is a SQLite database of something else; name another file");
  }
  if (applied.empty() && !create) {
    return absl::NotFoundError("the file holds no store, and --no-create forbids to make one");
  }
  const absl::StatusOr<std::vector<Migration>> plan = PlanMigrations(SqliteMigrations(), applied, migrate);
  if (!plan.ok()) return plan.status();
  for (const Migration& migration : *plan) ApplySqliteMigration(connection, migration);
  return PreparedSchema{plan->empty() ? VersionOf(applied) : SqliteMigrations().back().version, applied.empty()};
}

}  // namespace

std::vector<AppliedMigration> AppliedSqliteMigrations(SqliteConnection& connection) {
  std::vector<AppliedMigration> applied;
  SQLite::Statement& select = connection.Prepare(sql::kSelectMigrations);
  while (select.executeStep()) {
    applied.push_back({static_cast<std::uint32_t>(select.getColumn(0).getInt64()), TextColumn(select, 1),
                       static_cast<std::uint32_t>(select.getColumn(2).getInt64())});
  }
  select.reset();
  return applied;
}

void ApplySqliteMigration(SqliteConnection& connection, const Migration& migration) {
  connection.database().exec(std::string(migration.sql));
  const std::string name(migration.name);
  const std::string checksum(migration.checksum);
  SQLite::Statement& insert = connection.Prepare(sql::kInsertMigration);
  insert.bind(1, static_cast<std::int64_t>(migration.version));
  BindText(insert, 2, name);
  BindText(insert, 3, checksum);
  insert.bind(4, static_cast<std::int64_t>(migration.serves_from));
  Run(insert);
}

bool ServeFrom(SqliteConnection& connection, const std::string& migration) {
  SQLite::Statement& serve = connection.Prepare(sql::kServeFrom);
  BindText(serve, 1, migration);
  return Run(serve) > 0;
}

absl::StatusOr<PreparedSchema> PrepareSqliteSchema(SqliteConnection& connection, bool migrate, bool create,
                                                   const std::string& near_id) {
  Run(connection.Prepare(sql::kBeginImmediate));
  absl::StatusOr<PreparedSchema> prepared = PrepareInTransaction(connection, migrate, create);
  if (prepared.ok()) {
    if (prepared->made && !near_id.empty()) InsertNearStore(connection, near_id);
    // Versions before know no checksums of the rows of a near store, and would leave them as they are.
    if (SelectNearStore(connection).has_value() && ServeFrom(connection, "home_checksums")) BeginChecksums(connection);
    Run(connection.Prepare(sql::kCommit));
  } else {
    connection.RollBackQuietly();
  }
  return prepared;
}

}  // namespace authstate::storage
