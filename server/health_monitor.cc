#include "server/health_monitor.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/log/logging.h"
#include "storage/await_call.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr int kFailuresToFall = 2;
constexpr int kSuccessesToRise = 2;
// A database that needs longer for a sign of life counts as away. A stop may have to wait for so long.
constexpr absl::Duration kPingPatience = absl::Seconds(3);

}  // namespace

bool Hysteresis::Observe(bool alive, bool certain) {
  if (alive == serving_) {
    against_ = 0;
    return false;
  }
  const bool falls_at_once = !alive && certain;
  if (++against_ < (serving_ ? failures_to_fall_ : successes_to_rise_) && !falls_at_once) return false;
  serving_ = alive;
  against_ = 0;
  return true;
}

HealthMonitor::HealthMonitor(storage::Backend* backend, absl::Duration interval, OnChange on_change)
    : backend_(backend),
      interval_(interval),
      on_change_(std::move(on_change)),
      state_(/*serving=*/true, kFailuresToFall, kSuccessesToRise),
      thread_([this] { Run(); }) {}

HealthMonitor::~HealthMonitor() {
  Stop();
  thread_.join();
}

void HealthMonitor::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void HealthMonitor::Run() {
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval_)) return;
    }
    const auto alive = storage::AwaitCall<absl::Status>(
        [this](auto done) { backend_->Ping(absl::Now() + kPingPatience, std::move(done)); });
    // A file that is gone is a fact, where a failed read may be a hiccup.
    const bool certain = storage::ReasonOf(alive) == storage::kDatabaseMoved;
    if (!state_.Observe(alive.ok(), certain)) continue;
    if (alive.ok()) {
      Log(LogLevel::kInfo, "backend is back; serving");
    } else {
      Log(LogLevel::kError, "backend is away; not serving", {{"error", std::string(alive.message())}});
    }
    on_change_(alive);
  }
}

}  // namespace authstate::server
