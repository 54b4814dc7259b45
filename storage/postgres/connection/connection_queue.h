#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_QUEUE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/counts/statement_stats.h"
#include "storage/deadline_timer.h"
#include "storage/postgres/connection/backoff.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/connection/put_back.h"

namespace authstate::storage {

// A call that needs a connection.
struct ConnectionWork {
  absl::Time deadline;
  // What it may have to wait for, together with all work of the same name: while one has been put back for a lock, that
  // one alone is tried, and the others come after it, in the order in which they came. Empty: it is nobody's concern.
  std::string line;
  // Does it and answers it; or, where it would only wait, tells what for, and is called again then. Not called again
  // once it is done or ended.
  absl::AnyInvocable<std::optional<PutBack>(PgConnection&)> run;
  // Answers it without a connection. Called at most once; also while `run` is under way (`at_work`), of which nothing
  // more is then heard (AnswerOnce).
  absl::AnyInvocable<void(absl::Status, bool at_work) &&> end;
  // If set: what the connection is kept for once the work is done or ended, for as long as that takes. The threads that
  // are kept are bounded by who adds such work (ConnectionQueue::MayBeKept).
  absl::AnyInvocable<void(PgConnection&)&&> keep = nullptr;
};

// How a thread stands with the database.
enum class ThreadState : std::uint8_t {
  // It has had no reason to connect yet, or has lost its connection.
  kIdle,
  kConnected,
  // Its last try to connect failed.
  kFailed,
};

// The calls that wait for a connection, in order, those that have one, and those that were put back. Each ends on time,
// whatever the threads do that own the connections: they may hang in the resolution of a name. A timer sees to that:
//   waits beyond its deadline        DeadlineExceeded
//   waits longer than `queue_wait`   ResourceExhausted with a retry delay; Unavailable when nobody has a connection
//   is at work beyond its deadline   DeadlineExceeded, in doubt, after a moment in which the driver may know better
//   was put back                     LockedTillDeadline, a moment before its deadline, so that the caller hears of it
//
// What was put back for a lock is tried again with growing pauses, and however much that is, by one in four of the
// threads at a time, or every other time by a single one.
//
// Thread-safe.
class ConnectionQueue {
 public:
  // At most `limit` calls wait, each for at most `queue_wait`. `timer` outlives the queue. How many wait and
  // are at work is told to `stats`; null: to nobody. When this is destroyed, everything that was added has been run or
  // ended.
  ConnectionQueue(DeadlineTimer& timer, std::size_t limit, absl::Duration queue_wait,
                  std::shared_ptr<StatementStats> stats = nullptr);
  ConnectionQueue(const ConnectionQueue&) = delete;
  ConnectionQueue& operator=(const ConnectionQueue&) = delete;

  // Ends the work with QueueFull when there is no room. Does not block.
  void Add(ConnectionWork work);
  // Nothing is added from now on; what waits is still run.
  void Close();

  // For the threads with the connections, each of which says so once, and tells of each change of its state; `failure`
  // is that of kFailed.
  void AddThread();
  void Changed(ThreadState from, ThreadState to, const std::optional<Failure>& failure = std::nullopt);
  // Waits for work that no other thread has claimed. False once the queue is closed and empty.
  bool Claim();
  // For a thread without a connection, which may make one from `connects_at` on: waits until it should do so, in place
  // of BeginConnecting, or take work that nobody else could do better. A connection is wanted for work that nobody has
  // claimed, and for the first two (kLeastConnected) without any.
  enum class Turn : std::uint8_t { kConnect, kWork, kEnd };
  Turn AwaitTurn(absl::Time connects_at);
  // Leaves what was claimed to others, for as long as the caller is busy making a connection.
  void BeginConnecting();
  void EndConnecting();
  // Runs the oldest work, if any is left, in place of what was claimed.
  void RunNext(PgConnection& connection);

  // Why there are too few connections to serve with, as none or only one can be made; nullopt while that is not so.
  std::optional<Failure> TooFew() const;
  // How many connections may be kept (ConnectionWork::keep), so that the greater part is left for the other calls.
  std::size_t MayBeKept() const;

  // Whether anything of the line was put back for a lock.
  bool HasLine(const std::string& line) const;

 private:
  struct QueuedCall;
  using QueuedCalls = std::list<QueuedCall>;
  using Ends = std::multimap<absl::Time, QueuedCalls::iterator>;
  // The calls of one line; the first is the one that is tried.
  using Line = std::vector<QueuedCalls::iterator>;

  struct QueuedCall {
    ConnectionWork work;
    // The list that it is in.
    QueuedCalls* where = nullptr;
    absl::Time added;
    // When to look at it next: its place in `ends_`. None once it was ended.
    std::optional<Ends::iterator> end;
    // Once it was put back: it is in a line, if it has one; it is at work again.
    bool put_back = false;
    bool in_line = false;
    bool retried = false;
    std::optional<Backoff> backoff;
  };

  // The fewest connections to serve with: one for calls and one to be kept, or less where there are fewer threads.
  std::size_t Least() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Connections that can be counted on: those that are there, once another could not be made.
  std::size_t Usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::size_t Retries() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::size_t Takeable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_.size() + Retries(); }
  bool Claimable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next call to run, moved to `running_`. Nullopt: none.
  std::optional<QueuedCalls::iterator> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Move(QueuedCalls::iterator call, QueuedCalls* to);
  void LookAgainAt(QueuedCalls::iterator call, absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Rest(QueuedCalls::iterator call, const PutBack& put_back) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A call has rested long enough: it waits for a connection again.
  void TryAgain(QueuedCalls::iterator call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LeaveLine(QueuedCalls::iterator call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells `stats_` what has changed, if there is one.
  void CountCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Looks at the first call, if its time has come; others are then called for at once.
  void LookAtOverdue();
  // Releases the mutex while it ends the call.
  void LookAtFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What to tell a call that is ended now.
  absl::Status Reason(const QueuedCall& call, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t limit_;
  const absl::Duration queue_wait_;
  const std::shared_ptr<StatementStats> stats_;

  mutable absl::Mutex mutex_;
  QueuedCalls waiting_ ABSL_GUARDED_BY(mutex_);
  QueuedCalls running_ ABSL_GUARDED_BY(mutex_);
  // What was put back: it rests, then it is due.
  QueuedCalls resting_ ABSL_GUARDED_BY(mutex_);
  QueuedCalls due_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Line> lines_ ABSL_GUARDED_BY(mutex_);
  Ends ends_ ABSL_GUARDED_BY(mutex_);
  std::size_t claimed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t threads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t connecting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t connected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t failed_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last one, while any thread is in kFailed, and when it was.
  std::optional<Failure> failure_ ABSL_GUARDED_BY(mutex_);
  absl::Time failed_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // How many of `running_` were due.
  std::size_t retrying_ ABSL_GUARDED_BY(mutex_) = 0;
  bool retried_last_ ABSL_GUARDED_BY(mutex_) = false;
  // What `stats_` was told last.
  int told_waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int told_at_work_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Set to the first of `ends_`, or earlier. Destroyed first, as its callback uses the others.
  DeadlineTimer::Deadline first_end_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_QUEUE_H_
