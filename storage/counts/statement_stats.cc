#include "storage/counts/statement_stats.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

// Slot n ends at 2^(n/4) microseconds: 128 of them reach an hour.
constexpr double kSlotsPerDoubling = 4;

}  // namespace

StatementStats::StatementStats(std::function<absl::Time()> now) : now_(std::move(now)) {}
StatementStats::StatementStats() : StatementStats(absl::Now) {}

std::size_t StatementStats::SlotOf(absl::Duration latency) {
  const double microseconds = std::max(1.0, absl::ToDoubleMicroseconds(latency));
  const double slot = std::ceil(kSlotsPerDoubling * std::log2(microseconds));
  return static_cast<std::size_t>(std::min(slot, static_cast<double>(kLatencySlots - 1)));
}

absl::Duration StatementStats::UpperBound(std::size_t slot) {
  return absl::Microseconds(std::exp2(static_cast<double>(slot) / kSlotsPerDoubling));
}

StatementStats::Second& StatementStats::Current() {
  last_asked_ = now_();
  const std::int64_t second = absl::ToUnixSeconds(*last_asked_);
  Second& current = seconds_[static_cast<std::size_t>(second) % kSeconds];
  if (current.second != second) {
    current = Second();
    current.second = second;
  }
  return current;
}

void StatementStats::CountError(absl::string_view error_class) {
  ++errors_;
  ++errors_by_class_[std::string(error_class)];
  ++Current().errors;
}

void StatementStats::Record(absl::Duration latency, absl::string_view error_class) {
  const std::size_t slot = SlotOf(latency);
  latencies_.Add(latency);
  const absl::MutexLock lock(&mutex_);
  ++statements_;
  Second& current = Current();
  ++current.statements;
  ++current.latencies[slot];
  if (!error_class.empty()) CountError(error_class);
}

void StatementStats::RecordConnectFailure(absl::string_view error_class) {
  const absl::MutexLock lock(&mutex_);
  CountError(error_class);
}

void StatementStats::ConnectionOpened() {
  const absl::MutexLock lock(&mutex_);
  ++connections_;
}

void StatementStats::ConnectionClosed() {
  const absl::MutexLock lock(&mutex_);
  --connections_;
}

void StatementStats::AddCalls(int waiting, int at_work) {
  waiting_.fetch_add(waiting, std::memory_order_relaxed);
  at_work_.fetch_add(at_work, std::memory_order_relaxed);
}

StatementStats::Summary StatementStats::Summarize() const {
  Summary summary;
  summary.waiting = waiting_.load(std::memory_order_relaxed);
  summary.at_work = at_work_.load(std::memory_order_relaxed);
  const absl::MutexLock lock(&mutex_);
  summary.statements = statements_;
  summary.errors = errors_;
  summary.errors_by_class = errors_by_class_;
  summary.connections = connections_;
  summary.last_asked = last_asked_;
  const std::int64_t now = absl::ToUnixSeconds(now_());
  summary.last_minute = Between(now - static_cast<std::int64_t>(kSeconds) + 1, now);
  return summary;
}

StatementStats::Interval StatementStats::Last(int seconds) const {
  const absl::MutexLock lock(&mutex_);
  const std::int64_t now = absl::ToUnixSeconds(now_());
  return Between(now - seconds, now - 1);
}

StatementStats::Interval StatementStats::Between(std::int64_t first, std::int64_t last) const {
  Interval interval;
  std::array<std::uint64_t, kLatencySlots> latencies{};
  for (const Second& second : seconds_) {
    if (second.second < first || second.second > last) continue;
    interval.statements += second.statements;
    interval.errors += second.errors;
    for (std::size_t slot = 0; slot < kLatencySlots; ++slot) latencies[slot] += second.latencies[slot];
  }
  const auto quantile = [&](std::uint64_t percent) {
    const std::uint64_t rank = (interval.statements * percent + 99) / 100;
    std::uint64_t seen = 0;
    for (std::size_t slot = 0; slot < kLatencySlots; ++slot) {
      seen += latencies[slot];
      if (rank > 0 && seen >= rank) return UpperBound(slot);
    }
    return absl::ZeroDuration();
  };
  interval.p50 = quantile(50);
  interval.p95 = quantile(95);
  interval.p99 = quantile(99);
  return interval;
}

}  // namespace authstate::storage
