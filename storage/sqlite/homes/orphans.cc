#include "storage/sqlite/homes/orphans.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/absolute_path.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/schema.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/sqlite_schema.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/store_marker.h"

namespace authstate::storage {
namespace {

absl::Status NoOrphan(std::uint64_t id) { return absl::NotFoundError(absl::StrCat("there is no orphan ", id)); }

std::uint64_t Number(SQLite::Statement& select, int column) {
  return static_cast<std::uint64_t>(select.getColumn(column).getInt64());
}

SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, std::uint64_t id) {
  SQLite::Statement& statement = connection.Prepare(sql);
  statement.bind(1, static_cast<std::int64_t>(id));
  return statement;
}

// In the order of the columns of an orphan (AUTHSTATE_ORPHAN_COLUMNS).
OrphanSummary SummaryColumns(SQLite::Statement& select) {
  OrphanSummary orphan;
  orphan.id = Number(select, 0);
  orphan.session_id = TextColumn(select, 1);
  orphan.revision = Number(select, 2);
  orphan.flushed_revision = Number(select, 3);
  orphan.lost_time = absl::FromUnixMicros(select.getColumn(4).getInt64());
  orphan.taken_by = TextColumn(select, 5);
  orphan.sets = Number(select, 6);
  orphan.deletes = Number(select, 7);
  orphan.clears_keys = select.getColumn(8).getInt() != 0;
  orphan.sets_creds = select.getColumn(9).getInt() != 0;
  orphan.deletes_creds = select.getColumn(10).getInt() != 0;
  return orphan;
}

class File final : public OrphanFile {
 public:
  File(FileLock lock, std::unique_ptr<SqliteConnection> connection)
      : lock_(std::move(lock)), connection_(std::move(connection)) {}

  absl::StatusOr<std::vector<OrphanSummary>> List() override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<OrphanSummary>> {
      std::vector<OrphanSummary> orphans;
      SQLite::Statement& select = connection_->Prepare(sql::kListOrphans);
      while (select.executeStep()) orphans.push_back(SummaryColumns(select));
      select.reset();
      return orphans;
    });
  }

  absl::StatusOr<Orphan> Read(std::uint64_t id, std::shared_ptr<const Keyring> keyring) override {
    auto read = CatchSqlite([&]() -> absl::StatusOr<Orphan> {
      // All of one moment.
      Run(connection_->Prepare(sql::kBegin));
      return Select(id, SessionKeys(std::move(keyring)));
    });
    connection_->RollBackQuietly();
    return read;
  }

  absl::Status Discard(std::uint64_t id) override {
    absl::Status discarded = CatchSqlite([&]() -> absl::Status {
      Run(connection_->Prepare(sql::kBeginImmediate));
      if (Run(PrepareFor(*connection_, sql::kDeleteOrphan, id)) == 0) return NoOrphan(id);
      Run(PrepareFor(*connection_, sql::kDeleteOrphanChanges, id));
      Run(connection_->Prepare(sql::kCommit));
      return absl::OkStatus();
    });
    if (!discarded.ok()) connection_->RollBackQuietly();
    return discarded;
  }

 private:
  absl::StatusOr<Orphan> Select(std::uint64_t id, const SessionKeys& keys) {
    SQLite::Statement& select = PrepareFor(*connection_, sql::kSelectOrphan, id);
    if (!select.executeStep()) return NoOrphan(id);
    Orphan orphan;
    orphan.summary = SummaryColumns(select);
    const std::string wrapped = TextColumn(select, 11);
    select.reset();
    const std::string& session_id = orphan.summary.session_id;
    const absl::StatusOr<std::optional<DataKey>> key = keys.Open(session_id, /*present=*/true, wrapped);
    if (!key.ok()) return key.status();
    SQLite::Statement& changes = PrepareFor(*connection_, sql::kSelectOrphanChanges, id);
    while (changes.executeStep()) {
      KeyName name{TextColumn(changes, 0), TextColumn(changes, 1)};
      const bool is_key = !name.type.empty();
      if (changes.isColumnNull(2)) {
        if (is_key) orphan.deletes.push_back(std::move(name));
        continue;
      }
      absl::StatusOr<Value> value = UnpackValue({session_id, name.type, name.id}, changes.getColumn(2).getInt64(),
                                                TextColumn(changes, 3), key->has_value() ? &**key : nullptr);
      if (!value.ok()) return value.status();
      if (is_key) {
        orphan.sets.push_back({std::move(name), *std::move(value)});
      } else {
        orphan.creds = *std::move(value);
      }
    }
    changes.reset();
    return orphan;
  }

  // Opened before the connection, and closed after it.
  const FileLock lock_;
  const std::unique_ptr<SqliteConnection> connection_;
};

absl::StatusOr<std::unique_ptr<OrphanFile>> OpenFile(const std::string& path, OrphanFile::Purpose purpose) {
  const bool changes = purpose == OrphanFile::Purpose::kChange;
  absl::StatusOr<FileLock> lock = FileLock::Open(path, changes ? O_RDWR : O_RDONLY);
  if (!lock.ok()) return lock.status();
  if (changes) {
    if (absl::Status locked = lock->Lock(); !locked.ok()) return locked;
  }
  if (absl::Status log = CheckLogHasItsDatabase(path); !log.ok()) return log;
  return CatchSqlite([&]() -> absl::StatusOr<std::unique_ptr<OrphanFile>> {
    auto connection = std::make_unique<SqliteConnection>(
        path, changes ? SqliteConnection::Mode::kReadWrite : SqliteConnection::Mode::kReadOnly);
    if (!connection->database().tableExists("auth_orphans") || !SelectNearStore(*connection).has_value()) {
      return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch, "is no file of --write-behind");
    }
    const auto plan = PlanMigrations(SqliteMigrations(), AppliedSqliteMigrations(*connection), /*migrate=*/false);
    if (!plan.ok()) return plan.status();
    if (changes) connection->database().exec("PRAGMA synchronous = FULL");
    return std::make_unique<File>(*std::move(lock), std::move(connection));
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<OrphanFile>> OrphanFile::Open(const std::string& path, Purpose purpose) {
  const std::string absolute = AbsolutePath(path);
  auto file = OpenFile(absolute, purpose);
  if (file.ok()) return file;
  const std::string named = absl::StrCat(absolute, ": ", file.status().message());
  const std::optional<std::string> reason = ReasonOf(file.status());
  return reason.has_value() ? Error(file.status().code(), *reason, named) : absl::Status(file.status().code(), named);
}

}  // namespace authstate::storage
