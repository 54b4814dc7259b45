#include "storage/sqlite/homes/homes.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/homes/home_row.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

void DeleteChanges(SqliteConnection& connection, const std::string& session_id, std::uint64_t up_to) {
  SQLite::Statement& erase = PrepareFor(connection, sql::kDeleteChanges, session_id);
  erase.bind(2, StoredNumber(up_to));
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
                Home::State state, bool whole, absl::Time now) {
  SQLite::Statement& upsert = PrepareFor(connection, sql::kUpsertHome, change.session_id);
  upsert.bind(2, StoredNumber(change.home.far_fence));
  upsert.bind(3, StoredNumber(change.home.far_number));
  upsert.bind(4, StoredNumber(flushed_revision));
  upsert.bind(5, static_cast<int>(state));
  upsert.bind(6, whole ? 1 : 0);
  upsert.bind(7, StoredTime(now));
  upsert.bind(8, StoredTime(change.home.far_update_time));
  Run(upsert);
}

// Whether what there is of the session was the same in the far store, as that tells now. Where one moment of it was
// lost, another may have the same revision; it is of another time.
bool IsOfSameCommit(const HomeRow& home, const SessionRow& row, const HomeChange& change) {
  return row.revision == change.home.revision && home.home.far_update_time != absl::InfinitePast() &&
         StoredTime(home.home.far_update_time) == StoredTime(change.home.far_update_time);
}

absl::Status Take(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now);
  absl::StatusOr<SessionRow> row = SelectSessionRow(connection, change.session_id, now);
  const bool is_copy = home.has_value() && !home->whole &&
                       (home->home.state == Home::State::kAway || home->home.state == Home::State::kTaking);
  const bool keep = change.keeps_copy && is_copy && row.ok() && row->lease.fence == change.home.lease.fence &&
                    row->applied_number == change.applied_number && IsOfSameCommit(*home, *row, change);
  if (!keep) {
    Forget(connection, change.session_id);
    row = SessionRow();
  }
  SetLeaseOfHome(change, now, &*row);
  UpsertSessionRow(connection, change.session_id, *row);
  UpsertHome(connection, change, row->revision, Home::State::kTaking, /*whole=*/!keep, now);
  return absl::OkStatus();
}

absl::Status Arrive(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now);
  if (!home.has_value() || home->home.state != Home::State::kTaking || home->home.far_fence != change.home.far_fence) {
    return Refused(change.session_id, "is not on its way here");
  }
  absl::StatusOr<SessionRow> row = SelectSessionRow(connection, change.session_id, now);
  if (!row.ok()) return row.status();
  if (!change.filled && (home->whole || !IsOfSameCommit(*home, *row, change))) {
    return Refused(change.session_id, "has no copy of that revision");
  }
  row->revision = change.home.revision;
  SetLeaseOfHome(change, now, &*row);
  if (change.filled) row->recent_commits = change.recent.value_or(RecentCommits());
  UpsertSessionRow(connection, change.session_id, *row);
  UpsertHome(connection, change, change.home.revision, Home::State::kHome, /*whole=*/false, now);
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

absl::Status ForgetCopy(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, session_id, now);
  if (!home.has_value()) return absl::OkStatus();
  if (home->home.state == Home::State::kHome || home->home.state == Home::State::kLeaving) {
    return Refused(session_id, "is at home");
  }
  Forget(connection, session_id);
  return absl::OkStatus();
}

// Whether the session is a home.
bool SetFlushed(SqliteConnection& connection, const char* sql, const HomeChange& change, absl::Time now) {
  SQLite::Statement& update = PrepareFor(connection, sql, change.session_id);
  update.bind(2, StoredNumber(change.home.far_fence));
  update.bind(3, StoredNumber(change.home.far_number));
  update.bind(4, StoredNumber(change.home.flushed_revision));
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

}  // namespace

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
      update.bind(2, StoredNumber(change.home.far_fence));
      update.bind(3, StoredTime(now));
      update.bind(4, StoredTime(change.home.far_update_time));
      Run(update);
      return absl::OkStatus();
    }
    case HomeChange::Step::kLose:
      Lose(connection, change, now);
      return absl::OkStatus();
    case HomeChange::Step::kForget:
      return ForgetCopy(connection, change.session_id, now);
  }
  return absl::OkStatus();
}

}  // namespace authstate::storage
