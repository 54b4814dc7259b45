#include "storage/sqlite/commit_applier.h"

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

absl::Status CheckPreconditions(SqliteConnection& connection, const Commit& commit, const SessionRow& row) {
  if (commit.expected_revision.has_value() && *commit.expected_revision != row.revision) {
    return RevisionMismatch(*commit.expected_revision, row.revision);
  }
  if (commit.action == Commit::Action::kDeleteCreds && !HasCreds(connection, commit.session_id)) {
    return NoCreds(row.revision);
  }
  if (commit.action == Commit::Action::kDeleteSession && !row.present && !commit.carried.has_value()) {
    return NoSession(row.revision);
  }
  if (commit.carried.has_value() && commit.carried->revision <= row.revision) {
    return RevisionPassed(commit.carried->revision, row.revision);
  }
  return absl::OkStatus();
}

// Holds the commit to the session's lease, and changes that where the commit does.
absl::Status PassLease(const Commit& commit, SessionRow* row) {
  if (commit.fence != 0) return CheckFence(row->lease, commit.fence);
  Lease lease = row->lease;
  if (absl::Status passed = AdvanceForUnfencedCommit(&lease); !passed.ok()) return passed;
  SetLease(std::move(lease), row);
  return absl::OkStatus();
}

// Whether it inserted: SQLite remembers the row of the last insertion, and no row has the number 0.
bool RunUpsert(SqliteConnection& connection, SQLite::Statement& upsert) {
  sqlite3* const handle = connection.database().getHandle();
  sqlite3_set_last_insert_rowid(handle, 0);
  Run(upsert);
  return sqlite3_last_insert_rowid(handle) != 0;
}

bool UpsertCreds(SqliteConnection& connection, const std::string& session_id, const Value& creds,
                 const DataKey* data_key) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertCreds);
  BindText(upsert, 1, session_id);
  const PackedValue packed = PackValue({session_id, "", ""}, creds, data_key);
  upsert.bind(2, packed.kind);
  BindBlob(upsert, 3, packed.bytes);
  return RunUpsert(connection, upsert);
}

bool UpsertKey(SqliteConnection& connection, const std::string& session_id, const KeyWrite& key, absl::Time now,
               const DataKey* data_key) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertKey);
  BindText(upsert, 1, session_id);
  BindText(upsert, 2, key.name.type);
  BindText(upsert, 3, key.name.id);
  const PackedValue packed = PackValue({session_id, key.name.type, key.name.id}, key.value, data_key);
  upsert.bind(4, packed.kind);
  BindBlob(upsert, 5, packed.bytes);
  upsert.bind(6, absl::ToUnixMicros(now));
  return RunUpsert(connection, upsert);
}

bool DeleteKey(SqliteConnection& connection, const std::string& session_id, const KeyName& name) {
  SQLite::Statement& erase = connection.Prepare(sql::kDeleteKey);
  BindText(erase, 1, session_id);
  BindText(erase, 2, name.type);
  BindText(erase, 3, name.id);
  return Run(erase) > 0;
}

// How many rows went.
int DeleteOfSession(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& erase = connection.Prepare(sql);
  BindText(erase, 1, session_id);
  return Run(erase);
}

// `names` follows what is written.
void Write(SqliteConnection& connection, const Commit& commit, absl::Time now, const DataKey* data_key,
           std::int64_t* names) {
  if (commit.action == Commit::Action::kWriteWithoutCreds &&
      DeleteOfSession(connection, sql::kDeleteCreds, commit.session_id) > 0) {
    *names -= NameNumber("", "");
  }
  if (commit.creds.has_value() && UpsertCreds(connection, commit.session_id, *commit.creds, data_key)) {
    *names += NameNumber("", "");
  }
  if (commit.clear_keys) {
    DeleteOfSession(connection, sql::kDeleteAllKeys, commit.session_id);
    *names = HasCreds(connection, commit.session_id) ? NameNumber("", "") : 0;
  }
  for (const KeyName& name : commit.deletes) {
    if (DeleteKey(connection, commit.session_id, name)) *names -= NameNumber(name.type, name.id);
  }
  for (const KeyWrite& key : commit.sets) {
    if (UpsertKey(connection, commit.session_id, key, now, data_key)) *names += NameNumber(key.name.type, key.name.id);
  }
}

void DeleteSession(SqliteConnection& connection, const std::string& session_id) {
  DeleteOfSession(connection, sql::kDeleteCreds, session_id);
  DeleteOfSession(connection, sql::kDeleteAllKeys, session_id);
}

}  // namespace

absl::StatusOr<Applied> ApplyCommit(SqliteConnection& connection, const Commit& commit, absl::Time now,
                                    const SessionKeys& keys, bool* replayed) {
  const auto replay = [replayed](std::uint64_t revision) {
    if (replayed != nullptr) *replayed = true;
    return Applied{revision};
  };
  absl::StatusOr<SessionRow> found = SelectSessionRow(connection, commit.session_id, now);
  if (!found.ok()) return WithOutcome(found.status(), Outcome::kNotApplied);
  SessionRow& row = *found;
  if (const auto revision = row.recent_commits.Find(commit.id)) return replay(*revision);
  if (absl::Status passed = PassLease(commit, &row); !passed.ok()) return passed;
  if (commit.number != 0) {
    if (commit.number <= row.applied_number) return replay(row.revision);
    if (commit.number > row.applied_number + 1) return NumberGap(commit.number, row.applied_number);
    row.applied_number = commit.number;
  }
  if (absl::Status checked = CheckPreconditions(connection, commit, row); !checked.ok()) return checked;

  if (commit.writes() && !row.present && keys.seals()) row.data_key = keys.Make(commit.session_id);
  if (commit.action == Commit::Action::kDeleteSession) row.data_key.clear();
  const bool stays = row.present && commit.action != Commit::Action::kDeleteSession;
  const absl::StatusOr<std::optional<DataKey>> data_key = keys.Open(commit.session_id, stays, row.data_key);
  if (!data_key.ok()) return WithOutcome(data_key.status(), Outcome::kNotApplied);

  std::int64_t names = row.names.has_value() ? *row.names : SumOfNames(connection, commit.session_id);
  switch (commit.action) {
    case Commit::Action::kWrite:
    case Commit::Action::kWriteWithoutCreds:
      Write(connection, commit, now, data_key->has_value() ? &**data_key : nullptr, &names);
      break;
    case Commit::Action::kDeleteCreds:
      DeleteOfSession(connection, sql::kDeleteCreds, commit.session_id);
      names -= NameNumber("", "");
      break;
    case Commit::Action::kDeleteSession:
      DeleteSession(connection, commit.session_id);
      names = 0;
      break;
  }
  if (commit.carried.has_value()) {
    row.revision = commit.carried->revision;
    row.recent_commits = commit.carried->recent;
  } else {
    ++row.revision;
    row.recent_commits.Add(commit.id, row.revision);
  }
  row.present = commit.action != Commit::Action::kDeleteSession;
  row.updated_at = now;
  row.names = names;
  UpsertSessionRow(connection, commit.session_id, row);
  return Applied{row.revision};
}

}  // namespace authstate::storage
