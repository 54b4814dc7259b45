#ifndef AUTHSTATE_STORAGE_COUNTS_HISTOGRAM_H_
#define AUTHSTATE_STORAGE_COUNTS_HISTOGRAM_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace authstate::storage {

// Bounds for how long something takes, in nanoseconds: from 100 us to 10 s.
inline constexpr std::int64_t kDurationBounds[] = {
    100'000,    250'000,     500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,    25'000'000,
    50'000'000, 100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 10'000'000'000};
// Bounds for how many of something go together.
inline constexpr std::int64_t kCountBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

// How many numbers were no greater than each of a few bounds, and their sum. Thread-safe, without a lock: what is read
// is not of one moment.
class Histogram {
 public:
  // `bounds` ascend, and live at least as long.
  explicit Histogram(absl::Span<const std::int64_t> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Add(std::int64_t number) {
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), number);
    counts_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(number, std::memory_order_relaxed);
  }
  void Add(absl::Duration duration) { Add(absl::ToInt64Nanoseconds(duration)); }

  absl::Span<const std::int64_t> bounds() const { return bounds_; }
  // How many were no greater than bound i and greater than the one before; the last: greater than all.
  std::uint64_t count(std::size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  std::int64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const absl::Span<const std::int64_t> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<std::int64_t> sum_ = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_COUNTS_HISTOGRAM_H_
