#ifndef AUTHSTATE_STORAGE_COUNTS_STATEMENT_STATS_H_
#define AUTHSTATE_STORAGE_COUNTS_STATEMENT_STATS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/counts/histogram.h"

namespace authstate::storage {

// The classes of errors that drivers of this build tell StatementStats of: of SQLite `not_committed`, a transaction
// that was rolled back; the others of PostgreSQL.
inline constexpr absl::string_view kErrorClasses[] = {
    "cancelled",  "conflict",      "connection_lost", "corrupt", "deadline", "disk_full",
    "in_doubt",   "not_committed", "overloaded",      "refused", "standby",  "too_many_connections",
    "unreachable"};

// Counts what one database was asked: every statement that went to it, signs of life and schema checks included, and
// the connections open to it; and the calls that wait for one of these, or have one. The last minute is the current
// second of the clock and the 59 before it.
//
// Thread-safe. Memory is bounded: a latency counts into one of kLatencySlots, each about 19 % wide.
class StatementStats {
 public:
  // What some seconds had. Latencies are at most 19 % above the true values, and zero where there was no statement.
  struct Interval {
    std::uint64_t statements = 0;
    std::uint64_t errors = 0;
    absl::Duration p50;
    absl::Duration p95;
    absl::Duration p99;
  };

  struct Summary {
    // Since the start.
    std::uint64_t statements = 0;
    std::uint64_t errors = 0;
    // Since the start, by class: `connection_lost`, `disk_full`.
    std::map<std::string, std::uint64_t> errors_by_class;
    Interval last_minute;
    // When a statement, or an attempt to connect, last ended; nullopt: none has.
    std::optional<absl::Time> last_asked;
    // Open now.
    int connections = 0;
    // Calls now that wait for one, and that are at work.
    int waiting = 0;
    int at_work = 0;
  };

  // `now` is called from any thread, under a lock.
  explicit StatementStats(std::function<absl::Time()> now);
  StatementStats();

  // One statement that was answered, or failed, after `latency`. `error_class` is empty for success, else one of a few
  // names, not a text.
  void Record(absl::Duration latency, absl::string_view error_class);
  // An attempt to connect that failed: an error without a statement.
  void RecordConnectFailure(absl::string_view error_class);

  void ConnectionOpened();
  void ConnectionClosed();

  // So many calls more wait for a connection, or are at work on one; either may be negative. A thread of SQLite counts
  // as one.
  void AddCalls(int waiting, int at_work);
  void RecordWait(absl::Duration waited) { waits_.Add(waited); }
  // What became of a commit in doubt was found out.
  void RecordResolved() { resolved_.fetch_add(1, std::memory_order_relaxed); }

  Summary Summarize() const;
  // The last `seconds` seconds of the clock that are over, 59 at most.
  Interval Last(int seconds) const;
  // Since the start: how long statements took, and how long calls waited for a connection.
  const Histogram& latencies() const { return latencies_; }
  const Histogram& waits() const { return waits_; }
  std::uint64_t resolved() const { return resolved_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kSeconds = 60;
  static constexpr std::size_t kLatencySlots = 128;

  struct Second {
    // The second since the Unix epoch that it counts.
    std::int64_t second = -1;
    std::uint64_t statements = 0;
    std::uint64_t errors = 0;
    std::array<std::uint32_t, kLatencySlots> latencies{};
  };

  // Latency slots: `SlotOf` is the least slot whose `UpperBound` is not below the latency.
  static std::size_t SlotOf(absl::Duration latency);
  static absl::Duration UpperBound(std::size_t slot);

  // The second that it is now, in which the database was asked.
  Second& Current() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From the second `first` to the second `last`, since the Unix epoch.
  Interval Between(std::int64_t first, std::int64_t last) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountError(absl::string_view error_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<absl::Time()> now_;
  Histogram latencies_{kDurationBounds};
  Histogram waits_{kDurationBounds};
  std::atomic<std::uint64_t> resolved_ = 0;
  std::atomic<int> waiting_ = 0;
  std::atomic<int> at_work_ = 0;
  mutable absl::Mutex mutex_;
  std::array<Second, kSeconds> seconds_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> last_asked_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t statements_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> errors_by_class_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_COUNTS_STATEMENT_STATS_H_
