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

constexpr std::uint64_t kAllRevisions = std::numeric_limits<std::int64_t>::max();

// How many there were.
std::uint64_t DeleteChanges(SqliteConnection& connection, const std::string& session_id, std::uint64_t up_to) {
  SQLite::Statement& erase = PrepareFor(connection, sql::kDeleteChanges, session_id);
  erase.bind(2, StoredNumber(up_to));
  return static_cast<std::uint64_t>(Run(erase));
}

void Forget(SqliteConnection& connection, const std::string& session_id) {
  for (const char* const sql : {sql::kDeleteCreds, sql::kDeleteAllKeys, sql::kDeleteSessionRow, sql::kDeleteHome}) {
    Run(PrepareFor(connection, sql, session_id));
  }
  (void)DeleteChanges(connection, session_id, kAllRevisions);
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

// Under the home, or the claim, that the change is of.
HomeRow RowOf(const HomeChange& change, std::uint64_t flushed_revision, Home::State state, absl::Time now) {
  HomeRow row;
  row.home = change.home;
  row.home.session_id = change.session_id;
  row.home.state = state;
  row.home.flushed_revision = flushed_revision;
  row.home.dirty_since = absl::InfiniteFuture();
  row.home.since = now;
  return row;
}

// Changes the row of the session, if it has one.
template <typename Edit>
absl::Status EditHome(SqliteConnection& connection, const std::string& session_id, absl::Time now, Edit edit) {
  absl::StatusOr<std::optional<HomeRow>> row = SelectHome(connection, session_id, now);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::OkStatus();
  edit(**row);
  UpsertHome(connection, **row);
  return absl::OkStatus();
}

// Whether what there is of the session was the same in the far store, as that tells now. Where one moment of it was
// lost, another may have the same revision; it is of another time.
bool IsOfSameCommit(const HomeRow& home, const SessionRow& row, const HomeChange& change) {
  return row.revision == change.home.revision && home.home.far_update_time != absl::InfinitePast() &&
         StoredTime(home.home.far_update_time) == StoredTime(change.home.far_update_time);
}

absl::Status Take(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  // One that is damaged is forgotten as one that is not wanted: all that is wanted of it is written here.
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now).value_or(std::nullopt);
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
  HomeRow taking = RowOf(change, row->revision, Home::State::kTaking, now);
  taking.whole = !keep;
  UpsertHome(connection, taking);
  return absl::OkStatus();
}

absl::Status Arrive(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const absl::StatusOr<std::optional<HomeRow>> found = SelectHome(connection, change.session_id, now);
  if (!found.ok()) return found.status();
  const std::optional<HomeRow>& home = *found;
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
  UpsertHome(connection, RowOf(change, change.home.revision, Home::State::kHome, now));
  (void)DeleteChanges(connection, change.session_id, kAllRevisions);
  return absl::OkStatus();
}

absl::Status Leave(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  absl::StatusOr<std::optional<HomeRow>> found = SelectHome(connection, session_id, now);
  if (!found.ok()) return found.status();
  std::optional<HomeRow>& home = *found;
  const bool served =
      home.has_value() && (home->home.state == Home::State::kHome || home->home.state == Home::State::kLeaving);
  if (!served || home->whole || home->home.revision != home->home.flushed_revision) {
    return Refused(session_id, "is not at home, or not flushed");
  }
  home->home.state = Home::State::kLeaving;
  UpsertHome(connection, *home);
  return absl::OkStatus();
}

absl::Status ForgetCopy(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  const absl::StatusOr<std::optional<HomeRow>> found = SelectHome(connection, session_id, now);
  if (!found.ok()) return found.status();
  const std::optional<HomeRow>& home = *found;
  if (!home.has_value()) return absl::OkStatus();
  if (home->home.state == Home::State::kHome || home->home.state == Home::State::kLeaving) {
    return Refused(session_id, "is at home");
  }
  Forget(connection, session_id);
  return absl::OkStatus();
}

absl::Status SetFlushed(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  bool is_home = false;
  absl::Status edited = EditHome(connection, change.session_id, now, [&](HomeRow& row) {
    is_home = row.home.far_fence == change.home.far_fence;
    if (!is_home) return;
    row.home.far_number = change.home.far_number;
    row.home.flushed_revision = change.home.flushed_revision;
    const bool newer = row.home.revision > change.home.flushed_revision;
    row.home.dirty_since = newer ? now : absl::InfiniteFuture();
    // Where it cannot be told what is newer, the next flush is of everything.
    const bool sound = ChangesAreSound(connection, row);
    const std::uint64_t deleted =
        DeleteChanges(connection, change.session_id, sound ? change.home.flushed_revision : kAllRevisions);
    row.changes = sound ? row.changes - deleted : 0;
    row.whole = newer && !sound;
  });
  if (!edited.ok()) return edited;
  if (!is_home) return Refused(change.session_id, "is not at home under that fence");
  return absl::OkStatus();
}

void Lose(SqliteConnection& connection, const HomeChange& change, absl::Time now) {
  const std::optional<HomeRow> home = SelectHome(connection, change.session_id, now).value_or(std::nullopt);
  const bool known = home.has_value() && (home->home.revision == home->home.flushed_revision || home->whole ||
                                          ChangesAreSound(connection, *home));
  if (!known) {
    // Where it cannot be told what is not flushed, all of the session is put aside.
    HomeRow all = home.value_or(HomeRow());
    all.home.session_id = change.session_id;
    all.whole = true;
    (void)DeleteChanges(connection, change.session_id, kAllRevisions);
    UpsertHome(connection, all);
  }
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
      return SetFlushed(connection, change, now);
    case HomeChange::Step::kStartOver:
      return EditHome(connection, change.session_id, now, [&](HomeRow& row) {
        row.home.state = Home::State::kHome;
        row.home.far_fence = change.home.far_fence;
        row.home.far_number = change.home.far_number;
        row.home.flushed_revision = change.home.flushed_revision;
        row.home.dirty_since = now;
        row.whole = true;
      });
    case HomeChange::Step::kLeave:
      return Leave(connection, change.session_id, now);
    case HomeChange::Step::kStay:
      return EditHome(connection, change.session_id, now, [](HomeRow& row) { row.home.state = Home::State::kHome; });
    case HomeChange::Step::kLeft:
      return EditHome(connection, change.session_id, now, [&](HomeRow& row) {
        row.home.state = Home::State::kAway;
        row.home.far_fence = change.home.far_fence;
        row.home.since = now;
        row.home.far_update_time = change.home.far_update_time;
      });
    case HomeChange::Step::kLose:
      Lose(connection, change, now);
      return absl::OkStatus();
    case HomeChange::Step::kForget:
      return ForgetCopy(connection, change.session_id, now);
  }
  return absl::OkStatus();
}

}  // namespace authstate::storage
