#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/sqlite/homes/home_row.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/session_row.h"

namespace authstate::storage {
namespace {

// Names of changes that no key has: its type is not empty.
const KeyName kCredsChanged{"", ""};
const KeyName kKeysCleared{"", "*"};

std::string Checksum(const std::string& session_id, const KeyName& name, std::uint64_t revision) {
  return RecordChecksum(absl::StrCat(session_id.size(), ":", session_id, name.type.size(), ":", name.type,
                                     name.id.size(), ":", name.id, revision));
}

// Whether the row is a new one.
bool UpsertChange(SqliteConnection& connection, const std::string& session_id, const KeyName& name,
                  std::uint64_t revision) {
  const std::string checksum = Checksum(session_id, name, revision);
  const auto run = [&](const char* sql) {
    SQLite::Statement& statement = PrepareFor(connection, sql, session_id);
    BindText(statement, 2, name.type);
    BindText(statement, 3, name.id);
    statement.bind(4, StoredNumber(revision));
    BindBlob(statement, 5, checksum);
    return Run(statement) > 0;
  };
  return !run(sql::kUpdateChange) && run(sql::kInsertChange);
}

// The names of what changed; whether the keys were cleared, and whether the creds are among it.
struct Changes {
  std::vector<KeyName> keys;
  bool creds = false;
  bool cleared = false;
  // Whether that is all of it, and nothing else.
  bool sound = true;
};

Changes SelectChanges(SqliteConnection& connection, const HomeRow& home) {
  const std::string& session_id = home.home.session_id;
  Changes changes;
  std::uint64_t rows = 0;
  SQLite::Statement& select = PrepareFor(connection, sql::kSelectChanges, session_id);
  while (select.executeStep()) {
    KeyName name{TextColumn(select, 0), TextColumn(select, 1)};
    const auto revision = static_cast<std::uint64_t>(select.getColumn(2).getInt64());
    changes.sound = changes.sound && TextColumn(select, 3) == Checksum(session_id, name, revision);
    ++rows;
    if (name == kCredsChanged) {
      changes.creds = true;
    } else if (name == kKeysCleared) {
      changes.cleared = true;
    } else {
      changes.keys.push_back(std::move(name));
    }
  }
  select.reset();
  changes.sound = changes.sound && rows == home.changes;
  return changes;
}

absl::Status ReadAllKeys(SqliteConnection& connection, const std::string& session_id, absl::Time now,
                         const std::string& wrapped, const SessionKeys& keys, std::vector<KeyWrite>* sets) {
  const absl::StatusOr<std::optional<DataKey>> key = keys.Open(session_id, /*present=*/true, wrapped);
  if (!key.ok()) return key.status();
  KeysRead read;
  SnapshotRequest request;
  request.session_id = session_id;
  auto page = ReadKeysAfter(connection, request, now, key->has_value() ? &**key : nullptr,
                            std::numeric_limits<std::size_t>::max(), &read);
  if (!page.ok()) return page.status();
  *sets = std::move(page->keys);
  return absl::OkStatus();
}

}  // namespace

bool ChangesAreSound(SqliteConnection& connection, const HomeRow& home) {
  return SelectChanges(connection, home).sound;
}

void BeginChecksumsOfChanges(SqliteConnection& connection) {
  struct Change {
    std::string session_id;
    KeyName name;
    std::uint64_t revision;
  };
  std::vector<Change> changes;
  SQLite::Statement& select = connection.Prepare(sql::kListChanges);
  while (select.executeStep()) {
    changes.push_back({TextColumn(select, 0),
                       {TextColumn(select, 1), TextColumn(select, 2)},
                       static_cast<std::uint64_t>(select.getColumn(3).getInt64())});
  }
  select.reset();
  for (const Change& change : changes) {
    (void)UpsertChange(connection, change.session_id, change.name, change.revision);
  }
}

absl::Status RememberChanges(SqliteConnection& connection, const Commit& commit, std::uint64_t revision,
                             absl::Time now) {
  const std::string& session_id = commit.session_id;
  absl::StatusOr<std::optional<HomeRow>> row = SelectHome(connection, session_id, now);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return DamagedHome(session_id);
  HomeRow& home = **row;
  const std::uint64_t changes = home.changes;
  const auto remember = [&](const KeyName& name) {
    if (UpsertChange(connection, session_id, name, revision)) ++home.changes;
  };
  if (commit.creds.has_value() || commit.action != Commit::Action::kWrite) remember(kCredsChanged);
  if (commit.clear_keys || commit.action == Commit::Action::kDeleteSession) remember(kKeysCleared);
  for (const KeyName& name : commit.deletes) remember(name);
  for (const KeyWrite& write : commit.sets) remember(write.name);
  const bool first = home.home.dirty_since == absl::InfiniteFuture();
  if (first) home.home.dirty_since = now;
  if (first || home.changes != changes) UpsertHome(connection, home);
  return absl::OkStatus();
}

absl::StatusOr<UnflushedChanges> SelectUnflushed(SqliteConnection& connection, const std::string& session_id,
                                                 absl::Time now, const SessionKeys& keys) {
  const absl::StatusOr<std::optional<HomeRow>> found = SelectHome(connection, session_id, now);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoSession(0);
  UnflushedChanges unflushed;
  unflushed.home = (*found)->home;
  const Home& home = unflushed.home;
  const Changes changes = SelectChanges(connection, **found);
  unflushed.damaged = !changes.sound && home.revision > home.flushed_revision;
  const bool whole = (*found)->whole || unflushed.damaged;
  ReadRequest request;
  request.session_id = session_id;
  request.want_creds = changes.creds || whole;
  if (!whole) request.keys = changes.keys;
  SessionRow row;
  absl::StatusOr<ReadResult> read = ReadSession(connection, request, now, keys, &row);
  if (!read.ok()) return read.status();
  unflushed.applied_number = row.applied_number;
  unflushed.any = whole || row.revision > home.flushed_revision;
  if (!unflushed.any) return unflushed;

  Commit& commit = unflushed.commit;
  commit.session_id = session_id;
  commit.carried = Commit::Carried{row.revision, row.recent_commits};
  if (!row.present) {
    commit.action = Commit::Action::kDeleteSession;
    return unflushed;
  }
  commit.creds = std::move(read->creds);
  if (request.want_creds && !commit.creds.has_value()) commit.action = Commit::Action::kWriteWithoutCreds;
  commit.clear_keys = changes.cleared || whole;
  if (whole) {
    absl::Status all = ReadAllKeys(connection, session_id, now, row.data_key, keys, &commit.sets);
    if (!all.ok()) return all;
    return unflushed;
  }
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    if (read->values[i].has_value()) {
      commit.sets.push_back({std::move(request.keys[i]), *std::move(read->values[i])});
    } else if (!commit.clear_keys) {
      commit.deletes.push_back(std::move(request.keys[i]));
    }
  }
  return unflushed;
}

}  // namespace authstate::storage
