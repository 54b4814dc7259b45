#include "storage/sqlite/group_writer.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <utility>

#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

// Jobs that share one transaction.
constexpr std::size_t kGroupLimit = 256;
// What a commit may take for the next one to be done by whoever brings it. A sync takes 0.1 to 1 ms on a disk of its
// own; what takes longer (a disk that others keep busy, a checkpoint of the log) is waited for by the writer's own
// thread.
constexpr absl::Duration kQuick = absl::Milliseconds(2);

// When the log could not be written or synced, its frames may have reached the disk all the same, and a restart would
// find them; anything else that COMMIT reports means that it did not happen.
Outcome OutcomeOfFailedCommit(const SQLite::Exception& exception) {
  return exception.getErrorCode() == SQLITE_IOERR ? Outcome::kUnknown : Outcome::kNotApplied;
}

}  // namespace

GroupWriter::GroupWriter(std::unique_ptr<SqliteConnection> connection, const StoreClock& clock, const StorePlace* place,
                         std::size_t queue_limit, std::shared_ptr<StatementStats> stats)
    : connection_(std::move(connection)),
      clock_(clock),
      place_(place),
      stats_(std::move(stats)),
      queue_(queue_limit),
      thread_([this] { Run(); }) {}

GroupWriter::~GroupWriter() {
  queue_.Close();
  thread_.join();
  const absl::MutexLock last(&turn_);
}

void GroupWriter::Take(std::unique_ptr<WriteJob> job) {
  job->queued = absl::Now();
  Count(1, 0);
  if (queue_.TryPush(job)) return;
  Count(-1, 0);
  job->FailAll(QueueFull());
  job->Answer();
}

void GroupWriter::TakeSmall(std::unique_ptr<WriteJob> job) {
  if (!turn_.TryLock()) return Take(std::move(job));
  // What is queued came first.
  if (!quick_ || !queue_.empty()) {
    turn_.Unlock();
    return Take(std::move(job));
  }
  Group group;
  group.push_back(std::move(job));
  Count(0, 1);
  Do(group);
  Count(0, -1);
  turn_.Unlock();
  // Once it has its answer, the writer may be gone.
  group.front()->Answer();
}

void GroupWriter::Run() {
  while (true) {
    queue_.Await();
    Group group;
    {
      const absl::MutexLock turn(&turn_);
      group = queue_.PopBatch(kGroupLimit);
      if (group.empty()) return;
      const int jobs = static_cast<int>(group.size());
      Count(-jobs, jobs);
      if (stats_ != nullptr) {
        const absl::Time now = absl::Now();
        for (const auto& job : group) stats_->RecordWait(now - job->queued);
      }
      Do(group);
      Count(0, -jobs);
    }
    for (const auto& job : group) job->Answer();
  }
}

void GroupWriter::Count(int waiting, int at_work) {
  if (stats_ != nullptr) stats_->AddCalls(waiting, at_work);
}

void GroupWriter::Do(const Group& group) {
  const absl::Time start = absl::Now();
  const bool committed = CommitGroup(group);
  const absl::Duration took = absl::Now() - start;
  quick_ = took < kQuick;
  if (stats_ != nullptr) stats_->Record(took, committed ? "" : "not_committed");
}

bool GroupWriter::CommitGroup(const Group& group) {
  const auto fail_all = [this, &group](absl::Status cause, Outcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) {
    failing_.store(true);
    if (absl::IsDataLoss(cause)) connection_->ForgetPages();
    const absl::Status status = WithOutcome(std::move(cause), outcome);
    for (const auto& job : group) job->FailAll(status);
    return false;
  };
  bool wrote = false;
  try {
    storage::Run(connection_->Prepare(sql::kBeginImmediate));
    wrote = DoGroup(group);
  } catch (const SQLite::Exception& exception) {
    connection_->RollBackQuietly();
    return fail_all(FromSqlite(exception), Outcome::kNotApplied);
  }
  if (absl::Status in_place = CheckPlace(); !in_place.ok()) {
    connection_->RollBackQuietly();
    SaveLog();
    return fail_all(std::move(in_place), Outcome::kNotApplied);
  }
  try {
    storage::Run(connection_->Prepare(sql::kCommit));
  } catch (const SQLite::Exception& exception) {
    connection_->RollBackQuietly();
    return fail_all(FromSqlite(exception), OutcomeOfFailedCommit(exception));
  }
  // Where the file went away in between, the commit is found only if it is put back.
  if (absl::Status in_place = CheckPlace(); !in_place.ok()) {
    SaveLog();
    return fail_all(std::move(in_place), Outcome::kUnknown);
  }
  // A transaction without a change needs no disk, and proves nothing.
  if (wrote) failing_.store(false);
  return true;
}

void GroupWriter::SaveLog() noexcept {
  try {
    SQLite::Statement& checkpoint = connection_->Prepare(sql::kCheckpoint);
    (void)checkpoint.executeStep();
    checkpoint.reset();
  } catch (const SQLite::Exception& exception) {
    // What is told is why the log had to be saved.
    (void)exception;
  }
}

bool GroupWriter::DoGroup(const Group& group) {
  const absl::Time now = clock_.Now();
  bool wrote = false;
  for (const auto& job : group) {
    if (job->deadline() <= absl::Now()) {
      job->FailAll(DeadlinePassedInQueue());
      continue;
    }
    for (std::size_t i = 0; i < job->size(); ++i) wrote |= DoMember(*job, now);
  }
  return wrote;
}

bool GroupWriter::DoMember(WriteJob& job, absl::Time now) {
  storage::Run(connection_->Prepare(sql::kSavepoint));
  bool keep = false;
  try {
    keep = job.DoNext(*connection_, now);
  } catch (const SQLite::Exception& exception) {
    // The savepoint is gone with the transaction: to go back to it would fail too, and hide why.
    if (!connection_->InTransaction()) throw;
    job.FailNext(WithOutcome(FromSqlite(exception), Outcome::kNotApplied));
  }
  if (!keep) storage::Run(connection_->Prepare(sql::kRollBackToSavepoint));
  storage::Run(connection_->Prepare(sql::kReleaseSavepoint));
  return keep;
}

}  // namespace authstate::storage
