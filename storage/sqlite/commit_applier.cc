#include "storage/sqlite/commit_applier.h"

#include <string>
#include <utility>

#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

bool HasCreds(SqliteConnection& connection, const std::string& session_id) {
  SQLite::Statement& select = connection.Prepare(sql::kHasCreds);
  BindText(select, 1, session_id);
  (void)select.executeStep();
  const bool has_creds = select.getColumn(0).getInt() != 0;
  select.reset();
  return has_creds;
}

absl::Status CheckPreconditions(SqliteConnection& connection, const Commit& commit, const SessionRow& row) {
  if (commit.expected_revision.has_value() && *commit.expected_revision != row.revision) {
    return RevisionMismatch(*commit.expected_revision, row.revision);
  }
  if (commit.action == Commit::Action::kDeleteCreds && !HasCreds(connection, commit.session_id)) {
    return NoCreds(row.revision);
  }
  if (commit.action == Commit::Action::kDeleteSession && !row.present) return NoSession(row.revision);
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

void UpsertCreds(SqliteConnection& connection, const std::string& session_id, const Value& creds) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertCreds);
  BindText(upsert, 1, session_id);
  const PackedValue packed = PackValue({session_id, "", ""}, creds);
  upsert.bind(2, packed.kind);
  BindBlob(upsert, 3, packed.bytes);
  Run(upsert);
}

void UpsertKey(SqliteConnection& connection, const std::string& session_id, const KeyWrite& key) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertKey);
  BindText(upsert, 1, session_id);
  BindText(upsert, 2, key.name.type);
  BindText(upsert, 3, key.name.id);
  const PackedValue packed = PackValue({session_id, key.name.type, key.name.id}, key.value);
  upsert.bind(4, packed.kind);
  BindBlob(upsert, 5, packed.bytes);
  Run(upsert);
}

void DeleteKey(SqliteConnection& connection, const std::string& session_id, const KeyName& name) {
  SQLite::Statement& erase = connection.Prepare(sql::kDeleteKey);
  BindText(erase, 1, session_id);
  BindText(erase, 2, name.type);
  BindText(erase, 3, name.id);
  Run(erase);
}

void DeleteOfSession(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& erase = connection.Prepare(sql);
  BindText(erase, 1, session_id);
  Run(erase);
}

void Write(SqliteConnection& connection, const Commit& commit) {
  if (commit.creds.has_value()) UpsertCreds(connection, commit.session_id, *commit.creds);
  if (commit.clear_keys) DeleteOfSession(connection, sql::kDeleteAllKeys, commit.session_id);
  for (const KeyName& name : commit.deletes) DeleteKey(connection, commit.session_id, name);
  for (const KeyWrite& key : commit.sets) UpsertKey(connection, commit.session_id, key);
}

}  // namespace

absl::StatusOr<Applied> ApplyCommit(SqliteConnection& connection, const Commit& commit, absl::Time now) {
  SessionRow row = SelectSessionRow(connection, commit.session_id, now);
  if (const auto revision = row.recent_commits.Find(commit.id)) return Applied{*revision};
  if (absl::Status passed = PassLease(commit, &row); !passed.ok()) return passed;
  if (commit.number != 0) {
    if (commit.number <= row.applied_number) return Applied{row.revision};
    if (commit.number > row.applied_number + 1) return NumberGap(commit.number, row.applied_number);
    row.applied_number = commit.number;
  }
  if (absl::Status checked = CheckPreconditions(connection, commit, row); !checked.ok()) return checked;

  ++row.revision;
  row.recent_commits.Add(commit.id, row.revision);
  row.present = commit.action != Commit::Action::kDeleteSession;
  row.updated_at = now;
  UpsertSessionRow(connection, commit.session_id, row);
  switch (commit.action) {
    case Commit::Action::kWrite:
      Write(connection, commit);
      break;
    case Commit::Action::kDeleteSession:
      DeleteOfSession(connection, sql::kDeleteAllKeys, commit.session_id);
      [[fallthrough]];
    case Commit::Action::kDeleteCreds:
      DeleteOfSession(connection, sql::kDeleteCreds, commit.session_id);
      break;
  }
  return Applied{row.revision};
}

}  // namespace authstate::storage
