#include "storage/sqlite/group_writer.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <utility>

#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

// Calls that share one transaction.
constexpr std::size_t kGroupLimit = 256;

// When the log could not be written or synced, its frames may have reached the disk all the same, and a restart would
// find them; anything else that COMMIT reports means that it did not happen.
Outcome OutcomeOfFailedCommit(const SQLite::Exception& exception) {
  return exception.getErrorCode() == SQLITE_IOERR ? Outcome::kUnknown : Outcome::kNotApplied;
}

}  // namespace

GroupWriter::GroupWriter(std::unique_ptr<SqliteConnection> connection, std::size_t queue_limit,
                         std::shared_ptr<StatementStats> stats)
    : connection_(std::move(connection)), stats_(std::move(stats)), queue_(queue_limit), thread_([this] { Run(); }) {}

GroupWriter::~GroupWriter() {
  queue_.Close();
  thread_.join();
}

void GroupWriter::Apply(std::vector<Commit> commits, absl::Time deadline, Backend::ApplyDone done) {
  Call call{std::move(commits), deadline, std::move(done), {}};
  if (queue_.TryPush(call)) return;
  call.results.assign(call.commits.size(), QueueFull());
  std::move(call.done)(std::move(call.results));
}

void GroupWriter::Run() {
  while (true) {
    std::vector<Call> group = queue_.PopBatch(kGroupLimit);
    if (group.empty()) return;
    const absl::Time start = absl::Now();
    const bool committed = CommitGroup(group);
    if (stats_ != nullptr) stats_->Record(absl::Now() - start, committed ? "" : "not_committed");
    for (Call& call : group) std::move(call.done)(std::move(call.results));
  }
}

bool GroupWriter::CommitGroup(std::vector<Call>& group) {
  const auto fail_all = [&group](const SQLite::Exception& exception, Outcome outcome) {
    const absl::Status status = WithOutcome(FromSqlite(exception), outcome);
    for (Call& call : group) call.results.assign(call.commits.size(), status);
    return false;
  };
  try {
    storage::Run(connection_->Prepare(sql::kBeginImmediate));
    ApplyGroup(group);
  } catch (const SQLite::Exception& exception) {
    connection_->RollBackQuietly();
    return fail_all(exception, Outcome::kNotApplied);
  }
  try {
    storage::Run(connection_->Prepare(sql::kCommit));
  } catch (const SQLite::Exception& exception) {
    connection_->RollBackQuietly();
    return fail_all(exception, OutcomeOfFailedCommit(exception));
  }
  return true;
}

void GroupWriter::ApplyGroup(std::vector<Call>& group) {
  const absl::Time now = absl::Now();
  for (Call& call : group) {
    call.results.reserve(call.commits.size());
    for (const Commit& commit : call.commits) {
      call.results.push_back(call.deadline <= now ? DeadlinePassedInQueue() : ApplyMember(commit, now));
    }
  }
}

absl::StatusOr<Applied> GroupWriter::ApplyMember(const Commit& commit, absl::Time now) {
  storage::Run(connection_->Prepare(sql::kSavepoint));
  absl::StatusOr<Applied> result;
  try {
    result = ApplyCommit(*connection_, commit, now);
  } catch (const SQLite::Exception& exception) {
    // Some errors end the whole transaction; then the savepoint is gone, and going back to it throws.
    result = WithOutcome(FromSqlite(exception), Outcome::kNotApplied);
  }
  if (!result.ok()) storage::Run(connection_->Prepare(sql::kRollBackToSavepoint));
  storage::Run(connection_->Prepare(sql::kReleaseSavepoint));
  return result;
}

}  // namespace authstate::storage
