#include "storage/postgres/session/commit_resolution.h"

#include <algorithm>
#include <utility>

#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/sql/commit_rows.h"
#include "storage/postgres/sql/pg_array.h"

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

// The row is that for `commit`.
Verdict Judge(const ResolvedRow& row, const Commit& commit, const DoubtfulStatement& statement) {
  if (row.applied.has_value()) return {Fate::kApplied, *row.applied};
  const bool same_fence = commit.fence != 0 && row.fence == commit.fence;
  if (same_fence && commit.number != 0 && commit.number <= row.applied_number) return {Fate::kApplied, row.revision};
  const bool may_be_pushed_out = row.oldest_micros.has_value() && *row.oldest_micros >= statement.sent_after;
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
  const std::vector<ResolvedRow> rows = ToResolvedRows(execution.rows);
  bool all_applied = true;
  for (std::size_t i = 0; i < statement.commits.size(); ++i) {
    resolution.verdicts.push_back(Judge(rows[i], *statement.commits[i], statement));
    all_applied = all_applied && resolution.verdicts.back().fate == Fate::kApplied;
  }
  const std::int64_t early = statement.not_after - rows.front().micros;
  if (!all_applied && early >= 0) {
    resolution.verdicts.clear();
    resolution.again = PutBack{absl::Microseconds(early + 1)};
  }
  return resolution;
}

}  // namespace authstate::storage
