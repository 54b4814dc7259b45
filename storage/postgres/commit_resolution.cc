#include "storage/postgres/commit_resolution.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/clock.h"
#include "storage/postgres/lock_timeout.h"
#include "storage/postgres/pg_array.h"
#include "storage/postgres/row.h"

namespace authstate::storage {
namespace {

// Between two tries while the database is away, at least.
constexpr absl::Duration kLeastPause = absl::Milliseconds(50);

void SleepUntil(absl::Time time, absl::Time deadline) { absl::SleepFor(std::min(time, deadline) - absl::Now()); }

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

// One row of Layout::resolve.
Verdict Judge(const pqxx::row& row, const DoubtfulStatement& statement) {
  if (!row[0].is_null()) return {Fate::kApplied, static_cast<std::uint64_t>(ToInt(row[0]))};
  const bool may_be_pushed_out = !row[1].is_null() && ToInt(row[1]) >= statement.sent_after;
  return {may_be_pushed_out ? Fate::kUnknown : Fate::kNotApplied, 0};
}

}  // namespace

std::vector<Verdict> ResolveCommits(PgConnection& connection, const Layout& layout, const DoubtfulStatement& statement,
                                    absl::Time deadline) {
  const std::vector<Verdict> unknown(statement.commits.size());
  while (absl::Now() < deadline) {
    const PgConnection::Execution execution = connection.Execute(
        layout.resolve, Encode(statement, LockTimeout(connection.StatementDeadline(deadline))), deadline);
    if (execution.failure.has_value()) {
      if (!MayPass(execution.failure->fault)) return unknown;
      SleepUntil(absl::Now() + std::max(execution.failure->wait, kLeastPause), deadline);
      continue;
    }
    std::vector<Verdict> verdicts;
    verdicts.reserve(statement.commits.size());
    bool all_applied = true;
    for (const auto& row : execution.rows) {
      verdicts.push_back(Judge(row, statement));
      all_applied = all_applied && verdicts.back().fate == Fate::kApplied;
    }
    const std::int64_t early = statement.not_after - ToInt(execution.rows[0][2]);
    if (all_applied || early < 0) return verdicts;
    SleepUntil(absl::Now() + absl::Microseconds(early + 1), deadline);
  }
  return unknown;
}

}  // namespace authstate::storage
