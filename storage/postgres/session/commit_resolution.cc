#include "storage/postgres/session/commit_resolution.h"

#include <algorithm>
#include <utility>

#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {
namespace {

// Between two tries while the database is away, at least.
constexpr absl::Duration kLeastPause = absl::Milliseconds(50);

// Whether the same statement may fare better later.
bool MayPass(Fault fault) { return fault != Fault::kNever && fault != Fault::kCorrupt; }

PgConnection::Parameters Encode(const DoubtfulStatement& statement, absl::Duration lock_timeout) {
  PgArray session_id = PgArray::Text();
  PgArray commit_id = PgArray::Int8();
  for (const Commit* commit : statement.commits) {
    session_id.AddBytes(commit->session_id);
    commit_id.AddInt8(static_cast<std::int64_t>(commit->id));
  }
  return {std::move(session_id).Encode(), std::move(commit_id).Encode(), EncodeLockTimeout(lock_timeout)};
}

// One row of Layout::resolve, which is for `commit`.
Verdict Judge(const pqxx::row& row, const Commit& commit, const DoubtfulStatement& statement) {
  if (!row[0].is_null()) return {Fate::kApplied, static_cast<std::uint64_t>(ToInt(row[0]))};
  const bool same_fence = commit.fence != 0 && static_cast<std::uint64_t>(ToInt(row[4])) == commit.fence;
  if (same_fence && commit.number != 0 && commit.number <= static_cast<std::uint64_t>(ToInt(row[5]))) {
    return {Fate::kApplied, static_cast<std::uint64_t>(ToInt(row[3]))};
  }
  const bool may_be_pushed_out = !row[1].is_null() && ToInt(row[1]) >= statement.sent_after;
  return {may_be_pushed_out ? Fate::kUnknown : Fate::kNotApplied, 0};
}

}  // namespace

Resolution ResolveCommits(PgConnection& connection, const Layout& layout, const DoubtfulStatement& statement,
                          absl::Duration lock_patience, absl::Time deadline) {
  const PgConnection::Execution execution = connection.Execute(
      layout.resolve, Encode(statement, LockTimeout(lock_patience, connection.StatementDeadline(deadline))), deadline);
  Resolution resolution;
  if (execution.failure.has_value()) {
    if (LockedOut(*execution.failure)) {
      resolution.again = PutBack{};
    } else if (MayPass(execution.failure->fault)) {
      resolution.again = PutBack{std::max(execution.failure->wait, kLeastPause)};
    }
    return resolution;
  }
  bool all_applied = true;
  for (const Commit* commit : statement.commits) {
    const auto row = execution.rows[static_cast<pqxx::result::size_type>(resolution.verdicts.size())];
    resolution.verdicts.push_back(Judge(row, *commit, statement));
    all_applied = all_applied && resolution.verdicts.back().fate == Fate::kApplied;
  }
  const std::int64_t early = statement.not_after - ToInt(execution.rows[0][2]);
  if (!all_applied && early >= 0) {
    resolution.verdicts.clear();
    resolution.again = PutBack{absl::Microseconds(early + 1)};
  }
  return resolution;
}

}  // namespace authstate::storage
