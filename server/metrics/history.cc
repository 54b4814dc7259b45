#include "server/metrics/history.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/time/clock.h"
#include "server/rpc/guard.h"
#include "storage/backend_targets.h"

namespace authstate::server {
namespace {

// As in deploy/monitoring/authstate.rules.yml.
constexpr absl::string_view kFailures[] = {"UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"};

void Count(const CallCounts::ByCode& ended, History::Point* point) {
  for (std::size_t code = 0; code < ended.size(); ++code) {
    const std::uint64_t count = ended.at(code).load(std::memory_order_relaxed);
    point->requests += count;
    if (absl::c_linear_search(kFailures, kCodeNames[code])) point->failures += count;
  }
}

}  // namespace

History::History(std::function<Point()> read, storage::DeadlineTimer& timer, absl::Duration step)
    : read_(std::move(read)), step_(step), before_(read_()), next_(timer, [this] { Take(); }) {
  next_.Set(absl::Now() + step_);
}

std::deque<History::Point> History::points() const {
  const absl::MutexLock lock(&mutex_);
  return points_;
}

void History::Take() {
  Point point = read_();
  {
    const absl::MutexLock lock(&mutex_);
    const Point total = point;
    point.requests -= before_.requests;
    point.refused -= before_.refused;
    point.failures -= before_.failures;
    // One may have been refused before the end of the step, and end after it.
    point.failures -= std::min(point.failures, point.refused);
    before_ = total;
    points_.push_back(point);
    if (points_.size() > kPoints) points_.pop_front();
  }
  next_.Set(absl::Now() + step_);
}

History::Point ReadForHistory(const Observed& server) {
  History::Point point;
  const CallCounts& counts = *server.guard->counts();
  for (const CallCounts::OfMethod& call : counts.methods()) Count(call.ended, &point);
  for (std::size_t i = 0; i < std::size(pipe::kOperations); ++i) Count(counts.operation(i), &point);
  point.refused = server.maintenance().refused;
  if (const auto target = AcknowledgingOf(server); target.statements != nullptr) {
    point.statements = target.statements->Last(History::kStepSeconds);
  }
  return point;
}

storage::TargetState AcknowledgingOf(const Observed& server) {
  if (std::optional<storage::TargetState> near = server.near(); near.has_value()) return *std::move(near);
  for (storage::TargetState& target : server.targets->ListTargets()) {
    if (target.serving) return std::move(target);
  }
  return {};
}

}  // namespace authstate::server
