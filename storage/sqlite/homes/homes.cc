#include "storage/sqlite/homes/homes.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

// Names of changes that no key has: its type is not empty.
const KeyName kCredsChanged{"", ""};
const KeyName kKeysCleared{"", "*"};

std::int64_t Number(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::uint64_t NumberColumn(SQLite::Statement& select, int column) {
  return static_cast<std::uint64_t>(select.getColumn(column).getInt64());
}

SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& statement = connection.Prepare(sql);
  BindText(statement, 1, session_id);
  return statement;
}

struct HomeRow {
  Home home;
  bool whole = false;
};

HomeRow HomeColumns(SQLite::Statement& select, absl::Time now) {
  HomeRow row;
  row.home.session_id = TextColumn(select, 0);
  row.home.state = static_cast<Home::State>(select.getColumn(1).getInt());
  row.home.far_fence = NumberColumn(select, 2);
  row.home.far_number = NumberColumn(select, 3);
  row.home.flushed_revision = NumberColumn(select, 4);
  const std::int64_t dirty_since = select.getColumn(5).getInt64();
  if (dirty_since != 0) row.home.dirty_since = absl::FromUnixMicros(dirty_since);
  row.whole = select.getColumn(6).getInt() != 0;
  row.home.revision = NumberColumn(select, 7);
  row.home.lease = LeaseColumns(select, 8, now);
  return row;
}

std::optional<HomeRow> SelectHome(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  SQLite::Statement& select = PrepareFor(connection, sql::kSelectHome, session_id);
  std::optional<HomeRow> row;
  if (select.executeStep()) row = HomeColumns(select, now);
  select.reset();
  return row;
}

void UpsertChange(SqliteConnection& connection, const std::string& session_id, const KeyName& name,
                  std::uint64_t revision) {
  SQLite::Statement& upsert = PrepareFor(connection, sql::kUpsertChange, session_id);
  BindText(upsert, 2, name.type);
  BindText(upsert, 3, name.id);
  upsert.bind(4, Number(revision));
  Run(upsert);
}

void DeleteChanges(SqliteConnection& connection, const std::string& session_id, std::uint64_t up_to) {
  SQLite::Statement& erase = PrepareFor(connection, sql::kDeleteChanges, session_id);
  erase.bind(2, Number(up_to));
  Run(erase);
}

void Forget(SqliteConnection& connection, const std::string& session_id) {
  for (const char* const sql : {sql::kDeleteCreds, sql::kDeleteAllKeys, sql::kDeleteSessionRow, sql::kDeleteHome}) {
    Run(PrepareFor(connection, sql, session_id));
  }
  DeleteChanges(connection, session_id, std::numeric_limits<std::int64_t>::max());
}

void SetState(SqliteConnection& connection, const std::string& session_id, Home::State state) {
  SQLite::Statement& update = PrepareFor(connection, sql::kSetHomeState, session_id);
  update.bind(2, static_cast<int>(state));
  Run(update);
}

absl::Status Refused(const std::string& session_id, const char* why) {
  return WithOutcome(absl::FailedPreconditionError(absl::StrCat("session ", session_id, ": ", why)),
                     Outcome::kNotApplied);
}

// The lease of the far store, which goes on here.
void SetLeaseOfHome(const HomeChange& change, absl::Time now, SessionRow* row) {
  row->lease = change.home.lease;
  row->lease_ttl = row->lease.held() ? std::max(row->lease.remaining, absl::ZeroDuration()) : absl::ZeroDuration();
  if (row->lease.held()) row->lease.expire_time = now + row->lease.remaining;
  row->applied_number = change.applied_number;
}

void UpsertHome(SqliteConnection& connection, const HomeChange& change, std::uint64_t flushed_revision,
                Home::State state, bool whole) {
  SQLite::Statement& upsert = PrepareFor(connection, sql::kUpsertHome, change.session_id);
  upsert.bind(2, Number(change.home.far_fence));
  upsert.bind(3, Number(change.home.far_number));
  upsert.bind(4, Number(flushed_revision));
  upsert.bind(5, static_cast<int>(state));
  upsert.bind(6, whole ? 1 : 0);
  Run(upsert);
}

absl::Status Take(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now);
  absl::StatusOr<SessionRow> row = SelectSessionRow(connection, change.session_id, now);
  const bool is_copy = home.has_value() && !home->whole &&
                       (home->home.state == Home::State::kAway || home->home.state == Home::State::kTaking);
  const bool keep = change.keeps_copy && is_copy && row.ok() && row->lease.fence == change.home.lease.fence &&
                    row->applied_number == change.applied_number && row->revision == change.home.revision;
  if (!keep) {
    Forget(connection, change.session_id);
    row = SessionRow();
  }
  SetLeaseOfHome(change, now, &*row);
  UpsertSessionRow(connection, change.session_id, *row);
  UpsertHome(connection, change, row->revision, Home::State::kTaking, /*whole=*/!keep);
  return absl::OkStatus();
}

absl::Status Arrive(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now);
  if (!home.has_value() || home->home.state != Home::State::kTaking || home->home.far_fence != change.home.far_fence) {
    return Refused(change.session_id, "is not on its way here");
  }
  absl::StatusOr<SessionRow> row = SelectSessionRow(connection, change.session_id, now);
  if (!row.ok()) return row.status();
  if (!change.filled && (home->whole || row->revision != change.home.revision)) {
    return Refused(change.session_id, "has no copy of that revision");
  }
  row->revision = change.home.revision;
  SetLeaseOfHome(change, now, &*row);
  if (change.filled) row->recent_commits = change.recent.value_or(RecentCommits());
  UpsertSessionRow(connection, change.session_id, *row);
  UpsertHome(connection, change, change.home.revision, Home::State::kHome, /*whole=*/false);
  DeleteChanges(connection, change.session_id, std::numeric_limits<std::int64_t>::max());
  return absl::OkStatus();
}

absl::Status Leave(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, session_id, now);
  const bool served =
      home.has_value() && (home->home.state == Home::State::kHome || home->home.state == Home::State::kLeaving);
  if (!served || home->whole || home->home.revision != home->home.flushed_revision) {
    return Refused(session_id, "is not at home, or not flushed");
  }
  SetState(connection, session_id, Home::State::kLeaving);
  return absl::OkStatus();
}

// Whether the session is a home.
bool SetFlushed(SqliteConnection& connection, const char* sql, const HomeChange& change, absl::Time now) {
  SQLite::Statement& update = PrepareFor(connection, sql, change.session_id);
  update.bind(2, Number(change.home.far_fence));
  update.bind(3, Number(change.home.far_number));
  update.bind(4, Number(change.home.flushed_revision));
  update.bind(5, absl::ToUnixMicros(now));
  return Run(update) > 0;
}

void Lose(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  SQLite::Statement& insert = PrepareFor(connection, sql::kInsertOrphan, change.session_id);
  insert.bind(2, absl::ToUnixMicros(now));
  BindText(insert, 3, change.taken_by);
  if (Run(insert) > 0) {
    const std::int64_t orphan = sqlite3_last_insert_rowid(connection.database().getHandle());
    Run(PrepareFor(connection, sql::kInsertWholeChanges, change.session_id));
    SQLite::Statement& copy = PrepareFor(connection, sql::kInsertOrphanChanges, change.session_id);
    copy.bind(2, orphan);
    Run(copy);
  }
  Forget(connection, change.session_id);
}

// The names of what changed; whether the keys were cleared, and whether the creds are among it.
struct Changes {
  std::vector<KeyName> keys;
  bool creds = false;
  bool cleared = false;
};

Changes SelectChanges(SqliteConnection& connection, const std::string& session_id) {
  Changes changes;
  SQLite::Statement& select = PrepareFor(connection, sql::kSelectChanges, session_id);
  while (select.executeStep()) {
    KeyName name{TextColumn(select, 0), TextColumn(select, 1)};
    if (name == kCredsChanged) {
      changes.creds = true;
    } else if (name == kKeysCleared) {
      changes.cleared = true;
    } else {
      changes.keys.push_back(std::move(name));
    }
  }
  select.reset();
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

std::optional<NearStoreIdentity> SelectNearStore(SqliteConnection& connection) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectNearStore);
  std::optional<NearStoreIdentity> identity;
  if (select.executeStep()) identity = {TextColumn(select, 0), TextColumn(select, 1)};
  select.reset();
  return identity;
}

void InsertNearStore(SqliteConnection& connection, const std::string& id) {
  Run(PrepareFor(connection, sql::kInsertNearStore, id));
}

void SetFarStore(SqliteConnection& connection, const std::string& far_id) {
  Run(PrepareFor(connection, sql::kSetFarId, far_id));
}

void RememberChanges(SqliteConnection& connection, const Commit& commit, std::uint64_t revision, absl::Time now) {
  const std::string& session_id = commit.session_id;
  if (commit.creds.has_value() || commit.action != Commit::Action::kWrite) {
    UpsertChange(connection, session_id, kCredsChanged, revision);
  }
  if (commit.clear_keys || commit.action == Commit::Action::kDeleteSession) {
    UpsertChange(connection, session_id, kKeysCleared, revision);
  }
  for (const KeyName& name : commit.deletes) UpsertChange(connection, session_id, name, revision);
  for (const KeyWrite& write : commit.sets) UpsertChange(connection, session_id, write.name, revision);
  SQLite::Statement& dirty = PrepareFor(connection, sql::kSetDirty, session_id);
  dirty.bind(2, absl::ToUnixMicros(now));
  Run(dirty);
}

absl::Status ApplyHomeChange(SqliteConnection& connection, const HomeChange& change, absl::Time now,
                             const SessionKeys& keys) {
  switch (change.step) {
    case HomeChange::Step::kTake:
      return Take(connection, change, now);
    case HomeChange::Step::kFill:
      return ApplyCommit(connection, change.commit, now, keys).status();
    case HomeChange::Step::kArrive:
      return Arrive(connection, change, now);
    case HomeChange::Step::kFlushed:
      if (!SetFlushed(connection, sql::kSetFlushed, change, now)) {
        return Refused(change.session_id, "is not at home under that fence");
      }
      DeleteChanges(connection, change.session_id, change.home.flushed_revision);
      return absl::OkStatus();
    case HomeChange::Step::kStartOver:
      SetFlushed(connection, sql::kStartOver, change, now);
      return absl::OkStatus();
    case HomeChange::Step::kLeave:
      return Leave(connection, change.session_id, now);
    case HomeChange::Step::kStay:
      SetState(connection, change.session_id, Home::State::kHome);
      return absl::OkStatus();
    case HomeChange::Step::kLeft: {
      SQLite::Statement& update = PrepareFor(connection, sql::kSetLeft, change.session_id);
      update.bind(2, Number(change.home.far_fence));
      Run(update);
      return absl::OkStatus();
    }
    case HomeChange::Step::kLose:
      Lose(connection, change, now);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<UnflushedChanges> SelectUnflushed(SqliteConnection& connection, const std::string& session_id,
                                                 absl::Time now, const SessionKeys& keys) {
  std::optional<HomeRow> found = SelectHome(connection, session_id, now);
  if (!found.has_value()) return NoSession(0);
  UnflushedChanges unflushed;
  unflushed.home = std::move(found->home);
  const Changes changes = SelectChanges(connection, session_id);
  ReadRequest request;
  request.session_id = session_id;
  request.want_creds = changes.creds || found->whole;
  if (!found->whole) request.keys = changes.keys;
  SessionRow row;
  absl::StatusOr<ReadResult> read = ReadSession(connection, request, now, keys, &row);
  if (!read.ok()) return read.status();
  unflushed.applied_number = row.applied_number;
  unflushed.any = found->whole || row.revision > unflushed.home.flushed_revision;
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
  commit.clear_keys = changes.cleared || found->whole;
  if (found->whole) {
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

std::vector<Home> ListHomes(SqliteConnection& connection, absl::Time now) {
  absl::flat_hash_map<std::string, std::uint64_t> bytes;
  SQLite::Statement& sum = connection.Prepare(sql::kSumChanges);
  while (sum.executeStep()) bytes[TextColumn(sum, 0)] = NumberColumn(sum, 1);
  sum.reset();
  std::vector<Home> homes;
  SQLite::Statement& select = connection.Prepare(sql::kListHomes);
  while (select.executeStep()) {
    Home& home = homes.emplace_back(HomeColumns(select, now).home);
    home.dirty_bytes = bytes[home.session_id];
  }
  select.reset();
  return homes;
}

}  // namespace authstate::storage
