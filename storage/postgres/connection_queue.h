#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_QUEUE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_QUEUE_H_

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/alarm.h"
#include "storage/postgres/pg_connection.h"

namespace authstate::storage {

// A call that needs a connection.
struct ConnectionWork {
  absl::Time deadline;
  // Does it and answers it. Called at most once.
  absl::AnyInvocable<void(PgConnection&) &&> run;
  // Answers it without a connection. Called at most once; also while `run` is under way, of which nothing more is then
  // heard (AnswerOnce).
  absl::AnyInvocable<void(absl::Status) &&> end;
};

// The calls that wait for a connection, in order, and those that have one. Each ends on time, whatever the threads do
// that own the connections: they may hang in the resolution of a name. A thread of the queue's own sees to that:
//   waits beyond its deadline        DeadlineExceeded
//   waits longer than `queue_wait`   ResourceExhausted with a retry delay; Unavailable when nobody has a connection
//   is at work beyond its deadline   DeadlineExceeded, in doubt, after a moment in which the driver may know better
//
// Thread-safe.
class ConnectionQueue {
 public:
  // Of the calls, at most `limit` wait, each for at most `queue_wait`.
  ConnectionQueue(std::size_t limit, absl::Duration queue_wait);
  // Everything that was added has been run or ended.
  ~ConnectionQueue();
  ConnectionQueue(const ConnectionQueue&) = delete;
  ConnectionQueue& operator=(const ConnectionQueue&) = delete;

  // Ends the work with QueueFull when there is no room. Does not block.
  void Add(ConnectionWork work);
  // Nothing is added from now on; what waits is still run.
  void Close();

  // For the threads with the connections, each of which says so once.
  void AddThread();
  // Waits for work that no other thread has claimed. False once the queue is closed and empty.
  bool Claim();
  // Leaves what was claimed to others, for as long as the caller is busy making a connection.
  void BeginConnecting();
  void EndConnecting();
  // Runs the oldest work, if any is left, in place of what was claimed.
  void RunNext(PgConnection& connection);

 private:
  struct Call;
  using Calls = std::list<Call>;
  using Ends = std::multimap<absl::Time, Calls::iterator>;

  struct Call {
    ConnectionWork work;
    bool running = false;
    // Its place in `ends_`; none once it was ended.
    std::optional<Ends::iterator> end;
  };

  bool Claimable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MindTheTime();
  // Takes the first call out whose end has come, and ends it; releases the mutex while it does.
  void EndFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What to tell a call that is ended now.
  absl::Status Reason(const Call& call, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t limit_;
  const absl::Duration queue_wait_;

  absl::Mutex mutex_;
  Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  Calls waiting_ ABSL_GUARDED_BY(mutex_);
  Calls running_ ABSL_GUARDED_BY(mutex_);
  Ends ends_ ABSL_GUARDED_BY(mutex_);
  std::size_t claimed_ ABSL_GUARDED_BY(mutex_) = 0;
  int threads_ ABSL_GUARDED_BY(mutex_) = 0;
  int connecting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread timer_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_QUEUE_H_
