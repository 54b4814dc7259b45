#include "storage/sqlite/sealing/sqlite_sealer.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/absolute_path.h"
#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/sealing/keyring_table.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/store_marker.h"
#include "storage/store_clock.h"

namespace authstate::storage {
namespace {

class SqliteSealer final : public SessionSealer {
 public:
  explicit SqliteSealer(std::string path)
      : path_(std::move(path)), connection_(path_, SqliteConnection::Mode::kReadWrite) {
    connection_.database().exec("PRAGMA synchronous = FULL");
  }

  std::string location() const override { return path_; }

  absl::StatusOr<std::vector<KeyringMark>> Marks() override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<KeyringMark>> { return KeyringMarks(connection_); });
  }

  absl::StatusOr<std::string> HidingKey() override {
    return CatchSqlite([&]() -> absl::StatusOr<std::string> { return storage::HidingKey(connection_); });
  }

  absl::StatusOr<bool> RewrapHidingKey(const std::string& wrapped, const std::string& rewrapped) override {
    return CatchSqlite([&]() -> absl::StatusOr<bool> {
      SQLite::Statement& update = connection_.Prepare(sql::kRewrapHidingKey);
      BindBlob(update, 1, wrapped);
      BindBlob(update, 2, rewrapped);
      return Run(update) > 0;
    });
  }

  absl::StatusOr<std::vector<Session>> List(const std::string& after, std::size_t limit) override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<Session>> {
      std::vector<Session> sessions;
      SQLite::Statement& select = connection_.Prepare(sql::kListDataKeys);
      BindText(select, 1, after);
      select.bind(2, static_cast<std::int64_t>(limit));
      while (select.executeStep()) sessions.push_back({TextColumn(select, 0), TextColumn(select, 1)});
      select.reset();
      return sessions;
    });
  }

  absl::StatusOr<std::vector<Session>> Orphans() override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<Session>> {
      std::vector<Session> orphans;
      SQLite::Statement& select = connection_.Prepare(sql::kListOrphanKeys);
      while (select.executeStep()) {
        const auto orphan = static_cast<std::uint64_t>(select.getColumn(0).getInt64());
        orphans.push_back({TextColumn(select, 1), TextColumn(select, 2), orphan});
      }
      select.reset();
      return orphans;
    });
  }

  absl::StatusOr<bool> Rewrap(const Session& session, const std::string& rewrapped) override {
    return Change(session, rewrapped, [] { return absl::OkStatus(); });
  }

  absl::StatusOr<bool> Reseal(const Session& session, const DataKey* from, const std::string& wrapped,
                              const DataKey* to) override {
    return Change(session, wrapped, [&]() -> absl::Status {
      if (session.orphan != 0) return ResealOrphan(session, from, to);
      if (absl::Status creds = ResealCreds(session.id, from, to); !creds.ok()) return creds;
      return ResealKeys(session.id, from, to);
    });
  }

  absl::StatusOr<std::vector<std::string>> ForgetUnused(const std::string& active) override {
    return CatchSqlite([&]() -> absl::StatusOr<std::vector<std::string>> {
      std::vector<std::string> forgotten;
      SQLite::Statement& forget = connection_.Prepare(sql::kForgetKeys);
      BindText(forget, 1, active);
      while (forget.executeStep()) forgotten.push_back(TextColumn(forget, 0));
      forget.reset();
      return forgotten;
    });
  }

 private:
  // Gives the session the wrapped key, and what `change` does, in one transaction.
  template <typename Body>
  absl::StatusOr<bool> Change(const Session& session, const std::string& wrapped, Body change) {
    absl::StatusOr<bool> changed = CatchSqlite([&]() -> absl::StatusOr<bool> {
      Run(connection_.Prepare(sql::kBeginImmediate));
      const absl::StatusOr<bool> is_set =
          session.orphan != 0 ? SetOrphanKey(session, wrapped) : SetSessionKey(session, wrapped);
      if (!is_set.ok() || !*is_set) return is_set;
      if (absl::Status done = change(); !done.ok()) return done;
      Run(connection_.Prepare(sql::kCommit));
      return true;
    });
    if (!changed.ok() || !*changed) connection_.RollBackQuietly();
    return changed;
  }

  absl::StatusOr<bool> SetSessionKey(const Session& session, const std::string& wrapped) {
    absl::StatusOr<SessionRow> row = SelectSessionRow(connection_, session.id, clock_.Now());
    if (!row.ok()) return row.status();
    if (!row->present || row->data_key != session.wrapped) return false;
    if (row->names.has_value() && *row->names != SumOfNames(connection_, session.id)) return DamagedSession();
    row->data_key = wrapped;
    UpsertSessionRow(connection_, session.id, *row);
    return true;
  }

  absl::StatusOr<bool> SetOrphanKey(const Session& orphan, const std::string& wrapped) {
    SQLite::Statement& update = connection_.Prepare(sql::kSetOrphanKey);
    update.bind(1, static_cast<std::int64_t>(orphan.orphan));
    BindBlob(update, 2, orphan.wrapped);
    BindBlob(update, 3, wrapped);
    return Run(update) > 0;
  }

  absl::Status ResealCreds(const std::string& session_id, const DataKey* from, const DataKey* to) {
    SQLite::Statement& select = connection_.Prepare(sql::kSelectCreds);
    BindText(select, 1, session_id);
    if (!select.executeStep()) return absl::OkStatus();
    const ValuePlace place = {session_id, "", ""};
    const absl::StatusOr<Value> creds = UnpackValue(place, select.getColumn(0).getInt64(), TextColumn(select, 1), from);
    select.reset();
    if (!creds.ok()) return creds.status();
    const PackedValue packed = PackValue(place, *creds, to);
    SQLite::Statement& upsert = connection_.Prepare(sql::kUpsertCreds);
    BindText(upsert, 1, session_id);
    upsert.bind(2, packed.kind);
    BindBlob(upsert, 3, packed.bytes);
    Run(upsert);
    return absl::OkStatus();
  }

  // By names that are read first: what is written must not be met again.
  absl::Status ResealKeys(const std::string& session_id, const DataKey* from, const DataKey* to) {
    std::vector<std::pair<std::string, std::string>> names;
    SQLite::Statement& select_names = connection_.Prepare(sql::kSelectNames);
    BindText(select_names, 1, session_id);
    while (select_names.executeStep()) names.emplace_back(TextColumn(select_names, 0), TextColumn(select_names, 1));
    select_names.reset();
    for (const auto& [type, id] : names) {
      SQLite::Statement& select = connection_.Prepare(sql::kSelectKey);
      BindText(select, 1, session_id);
      BindText(select, 2, type);
      BindText(select, 3, id);
      if (!select.executeStep()) return DamagedSession();
      const absl::StatusOr<Value> value =
          UnpackValue({session_id, type, id}, select.getColumn(0).getInt64(), TextColumn(select, 1), from);
      select.reset();
      if (!value.ok()) return value.status();
      const PackedValue packed = PackValue({session_id, type, id}, *value, to);
      SQLite::Statement& reseal = connection_.Prepare(sql::kResealKey);
      BindText(reseal, 1, session_id);
      BindText(reseal, 2, type);
      BindText(reseal, 3, id);
      reseal.bind(4, packed.kind);
      BindBlob(reseal, 5, packed.bytes);
      Run(reseal);
    }
    return absl::OkStatus();
  }

  // What was deleted has no value.
  absl::Status ResealOrphan(const Session& orphan, const DataKey* from, const DataKey* to) {
    struct Change {
      std::string type;
      std::string id;
      std::int64_t kind;
      std::string value;
    };
    std::vector<Change> changes;
    SQLite::Statement& select = connection_.Prepare(sql::kSelectOrphanChanges);
    select.bind(1, static_cast<std::int64_t>(orphan.orphan));
    while (select.executeStep()) {
      if (select.isColumnNull(2)) continue;
      changes.push_back(
          {TextColumn(select, 0), TextColumn(select, 1), select.getColumn(2).getInt64(), TextColumn(select, 3)});
    }
    select.reset();
    for (const Change& change : changes) {
      const ValuePlace place = {orphan.id, change.type, change.id};
      const absl::StatusOr<Value> value = UnpackValue(place, change.kind, change.value, from);
      if (!value.ok()) return value.status();
      const PackedValue packed = PackValue(place, *value, to);
      SQLite::Statement& reseal = connection_.Prepare(sql::kResealOrphanChange);
      reseal.bind(1, static_cast<std::int64_t>(orphan.orphan));
      BindText(reseal, 2, change.type);
      BindText(reseal, 3, change.id);
      reseal.bind(4, packed.kind);
      BindBlob(reseal, 5, packed.bytes);
      Run(reseal);
    }
    return absl::OkStatus();
  }

  const std::string path_;
  SqliteConnection connection_;
  const StoreClock clock_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSqliteSealer(const std::string& path) {
  const std::string absolute = AbsolutePath(path);
  if (absl::Status log = CheckLogHasItsDatabase(absolute); !log.ok()) {
    return absl::Status(log.code(), absl::StrCat(absolute, ": ", log.message()));
  }
  return CatchSqlite(
      [&]() -> absl::StatusOr<std::unique_ptr<SessionSealer>> { return std::make_unique<SqliteSealer>(absolute); });
}

}  // namespace authstate::storage
