#ifndef AUTHSTATE_SERVER_METRICS_HISTORY_H_
#define AUTHSTATE_SERVER_METRICS_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/metrics/observed.h"
#include "storage/counts/statement_stats.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// How busy and how quick the server was in the last quarter of an hour: a point every five seconds, of which the oldest
// makes room for the next, some 10 KiB in all. Thread-safe. It has no thread.
class History {
 public:
  static constexpr int kStepSeconds = 5;
  static constexpr std::size_t kPoints = 180;

  struct Point {
    // Calls, and operations of pipes, that have ended; those of them that failed by no fault of their caller; and what
    // maintenance has refused, which the points of a History do not count as failures.
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
    std::uint64_t refused = 0;
    // What the database that acknowledges (AcknowledgingOf) did in the last kStepSeconds.
    storage::StatementStats::Interval statements;
  };

  // `read` tells of requests, failures and refusals since the start. It is called once every `step`, from the thread of
  // `timer`, which outlives this.
  History(std::function<Point()> read, storage::DeadlineTimer& timer,
          absl::Duration step = absl::Seconds(kStepSeconds));
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // What came about in each step, the oldest first.
  std::deque<Point> points() const;

 private:
  void Take();

  const std::function<Point()> read_;
  const absl::Duration step_;
  mutable absl::Mutex mutex_;
  Point before_ ABSL_GUARDED_BY(mutex_);
  std::deque<Point> points_ ABSL_GUARDED_BY(mutex_);
  // Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline next_;
};

// As History wants it. Asks no database.
History::Point ReadForHistory(const Observed& server);

// The file of write-behind where there is one, else the database that serves.
storage::TargetState AcknowledgingOf(const Observed& server);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_HISTORY_H_
