#include "storage/sqlite/commit_applier.h"

#include <string>

#include "storage/error.h"
#include "storage/recent_commits.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

struct SessionState {
  std::uint64_t revision = 0;
  bool present = false;
  bool has_creds = false;
  RecentCommits recent_commits;
};

SessionState SelectSession(SqliteConnection& connection, const std::string& session_id) {
  SessionState state;
  SQLite::Statement& select = connection.Prepare(sql::kSelectSession);
  BindText(select, 1, session_id);
  if (select.executeStep()) {
    state.revision = static_cast<std::uint64_t>(select.getColumn(0).getInt64());
    state.present = select.getColumn(1).getInt() != 0;
    state.has_creds = select.getColumn(2).getInt() != 0;
    state.recent_commits = RecentCommits(TextColumn(select, 3));
  }
  select.reset();
  return state;
}

absl::Status CheckPreconditions(const Commit& commit, const SessionState& state) {
  if (commit.expected_revision.has_value() && *commit.expected_revision != state.revision) {
    return RevisionMismatch(*commit.expected_revision, state.revision);
  }
  if (commit.action == Commit::Action::kDeleteCreds && !state.has_creds) return NoCreds(state.revision);
  if (commit.action == Commit::Action::kDeleteSession && !state.present) return NoSession(state.revision);
  return absl::OkStatus();
}

void UpsertSession(SqliteConnection& connection, const std::string& session_id, std::uint64_t revision, bool present,
                   absl::Time now, const RecentCommits& recent_commits) {
  const std::string recent = recent_commits.Encode();
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertSession);
  BindText(upsert, 1, session_id);
  upsert.bind(2, static_cast<std::int64_t>(revision));
  upsert.bind(3, present ? 1 : 0);
  upsert.bind(4, absl::ToUnixMicros(now));
  BindBlob(upsert, 5, recent);
  Run(upsert);
}

void UpsertCreds(SqliteConnection& connection, const std::string& session_id, const Value& creds) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertCreds);
  BindText(upsert, 1, session_id);
  upsert.bind(2, static_cast<int>(creds.kind));
  BindBlob(upsert, 3, creds.bytes);
  Run(upsert);
}

void UpsertKey(SqliteConnection& connection, const std::string& session_id, const KeyWrite& key) {
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertKey);
  BindText(upsert, 1, session_id);
  BindText(upsert, 2, key.name.type);
  BindText(upsert, 3, key.name.id);
  upsert.bind(4, static_cast<int>(key.value.kind));
  BindBlob(upsert, 5, key.value.bytes);
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
  SessionState state = SelectSession(connection, commit.session_id);
  if (const auto revision = state.recent_commits.Find(commit.id)) return Applied{*revision};
  absl::Status preconditions = CheckPreconditions(commit, state);
  if (!preconditions.ok()) return preconditions;

  const std::uint64_t revision = state.revision + 1;
  const bool present = commit.action != Commit::Action::kDeleteSession;
  state.recent_commits.Add(commit.id, revision);
  UpsertSession(connection, commit.session_id, revision, present, now, state.recent_commits);
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
  return Applied{revision};
}

}  // namespace authstate::storage
