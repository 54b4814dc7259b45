#ifndef AUTHSTATE_STORAGE_STATEMENT_STATS_H_
#define AUTHSTATE_STORAGE_STATEMENT_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::storage {

// Counts what one database was asked: every statement that went to it, signs of life and schema checks included, and
// the connections open to it. The last minute is the current second of the clock and the 59 before it.
//
// Thread-safe. Memory is bounded: a latency counts into one of kLatencySlots, each about 19 % wide.
class StatementStats {
 public:
  struct Summary {
    // Since the start.
    std::uint64_t statements = 0;
    std::uint64_t errors = 0;
    // Since the start, by class: `connection_lost`, `disk_full`.
    std::map<std::string, std::uint64_t> errors_by_class;
    std::uint64_t statements_last_minute = 0;
    std::uint64_t errors_last_minute = 0;
    // Of the last minute; at most 19 % above the true value. Zero when there was no statement.
    absl::Duration median;
    absl::Duration p99;
    // Open now.
    int connections = 0;
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

  Summary Summarize() const;

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

  Second& Current() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountError(absl::string_view error_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<absl::Time()> now_;
  mutable absl::Mutex mutex_;
  std::array<Second, kSeconds> seconds_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t statements_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> errors_by_class_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_STATEMENT_STATS_H_
