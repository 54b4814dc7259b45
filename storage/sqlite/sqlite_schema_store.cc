#include "storage/sqlite/sqlite_schema_store.h"

#include <fcntl.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/absolute_path.h"
#include "storage/error.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/sqlite_schema.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/store_marker.h"

namespace authstate::storage {
namespace {

// The table's name, and a line for each of its facts.
constexpr char kStructure[] = R"sql(
SELECT m.name, 'table' || iif(l.strict, ' strict', '') || iif(l.wr, ' without rowid', '')
FROM sqlite_schema m JOIN pragma_table_list(m.name) l WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
UNION ALL
SELECT m.name, 'column ' || c.name || ' ' || c.type || iif(c."notnull", ' not null', '')
  || coalesce(' default ' || c.dflt_value, '') || iif(c.pk > 0, ' key ' || c.pk, '')
FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
UNION ALL
SELECT m.name, 'index ' || i.name || iif(i."unique", ' unique', '') || ' on '
  || (SELECT group_concat(n.name) FROM pragma_index_info(i.name) n)
FROM sqlite_schema m JOIN pragma_index_list(m.name) i
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
UNION ALL
SELECT m.tbl_name, 'trigger ' || m.name FROM sqlite_schema m WHERE m.type = 'trigger'
ORDER BY 1, 2)sql";

std::vector<SchemaStore::Fact> Facts(SqliteConnection& connection) {
  std::vector<SchemaStore::Fact> facts;
  SQLite::Statement& select = connection.Prepare(kStructure);
  while (select.executeStep()) facts.emplace_back(TextColumn(select, 0), TextColumn(select, 1));
  select.reset();
  return facts;
}

class SqliteSchemaStore final : public SchemaStore {
 public:
  SqliteSchemaStore(std::string path, FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)), connection_(path_, SqliteConnection::Mode::kReadWrite) {}
  ~SqliteSchemaStore() override { connection_.RollBackQuietly(); }
  SqliteSchemaStore(const SqliteSchemaStore&) = delete;
  SqliteSchemaStore& operator=(const SqliteSchemaStore&) = delete;

  std::string location() const override { return path_; }
  std::string layout() const override { return ""; }
  absl::Span<const Migration> known() const override { return SqliteMigrations(); }

  absl::StatusOr<std::vector<AppliedMigration>> Applied() override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<AppliedMigration>> {
      if (!connection_.database().tableExists("auth_schema_migrations")) return std::vector<AppliedMigration>();
      return AppliedSqliteMigrations(connection_);
    });
  }

  absl::Status Begin(absl::Duration lock_timeout) override {
    if (absl::Status locked = lock_.Lock(); !locked.ok()) return locked;
    return Catch([&] {
      connection_.database().setBusyTimeout(static_cast<int>(absl::ToInt64Milliseconds(lock_timeout)));
      Run(connection_.Prepare(sql::kBeginImmediate));
      connection_.database().exec(sql::kCreateMigrationsTable);
    });
  }

  absl::Status Apply(const Migration& migration) override {
    return Catch([&] { ApplySqliteMigration(connection_, migration); });
  }

  absl::Status Revert(const Migration& migration) override {
    return Catch([&] {
      connection_.database().exec(std::string(migration.down));
      SQLite::Statement& forget = connection_.Prepare(sql::kDeleteMigration);
      forget.bind(1, static_cast<std::int64_t>(migration.version));
      Run(forget);
    });
  }

  absl::Status Commit() override {
    absl::Status committed = Catch([&] { Run(connection_.Prepare(sql::kCommit)); });
    if (committed.ok()) lock_.Unlock();
    return committed;
  }

  void RollBack() override {
    connection_.RollBackQuietly();
    lock_.Unlock();
  }

  // Who may reach a file is the file system's to say.
  absl::StatusOr<std::vector<std::string>> Protect() override { return std::vector<std::string>(); }
  absl::StatusOr<std::vector<std::string>> Exposures() override { return std::vector<std::string>(); }

  absl::StatusOr<Structure> Compare(absl::Span<const Migration> migrations) override {
    return CatchSqlite([&]() -> absl::StatusOr<Structure> {
      SqliteConnection scratch(":memory:", SqliteConnection::Mode::kReadWrite);
      scratch.database().exec(sql::kCreateMigrationsTable);
      for (const Migration& migration : migrations) scratch.database().exec(std::string(migration.sql));
      return Structure{Facts(connection_), Facts(scratch)};
    });
  }

 private:
  template <typename Body>
  absl::Status Catch(Body body) {
    return CatchSqlite([&]() -> absl::Status {
      body();
      return absl::OkStatus();
    });
  }

  const std::string path_;
  // Locked while the schema is changed: a server would find another schema under its feet.
  FileLock lock_;
  SqliteConnection connection_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SchemaStore>> OpenSqliteSchemaStore(const std::string& path) {
  const std::string absolute = AbsolutePath(path);
  absl::StatusOr<FileLock> lock = FileLock::Open(absolute, O_RDONLY);
  if (absl::IsNotFound(lock.status())) {
    return absl::NotFoundError(absl::StrCat(absolute, ": no such file; a server makes it at its first start"));
  }
  if (!lock.ok()) return absl::Status(lock.status().code(), absl::StrCat(absolute, ": ", lock.status().message()));
  if (absl::Status log = CheckLogHasItsDatabase(absolute); !log.ok()) {
    return absl::Status(log.code(), absl::StrCat(absolute, ": ", log.message()));
  }
  return CatchSqlite([&]() -> absl::StatusOr<std::unique_ptr<SchemaStore>> {
    return std::make_unique<SqliteSchemaStore>(absolute, *std::move(lock));
  });
}

}  // namespace authstate::storage
