#include "server/rpc/caller_limits.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);

absl::Status Exceeded(absl::string_view message, absl::Duration delay) {
  return storage::WithRetryDelay(
      storage::WithOutcome(storage::Error(absl::StatusCode::kResourceExhausted, kCallerLimit, message),
                           storage::Outcome::kNotApplied),
      delay);
}

}  // namespace

absl::Status CallerLimits::Use::Count() {
  const auto rate = static_cast<double>(options_->rate);
  if (rate == 0) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  const absl::Time now = options_->clock();
  room_ = std::min(rate, room_ + rate * absl::ToDoubleSeconds(now - as_of_));
  as_of_ = now;
  if (room_ < 1) {
    return Exceeded(absl::StrCat("the caller may ask for ", options_->rate, " operations a second"),
                    absl::Seconds((1 - room_) / rate));
  }
  room_ -= 1;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<CallerLimits::Use>> CallerLimits::Enter(const std::string& name) {
  if (name.empty() || (options_->calls == 0 && options_->rate == 0)) return nullptr;
  std::shared_ptr<Use> use;
  {
    const absl::MutexLock lock(&mutex_);
    if (uses_.size() > kMostIdle) ForgetIdle();
    std::shared_ptr<Use>& known = uses_[name];
    if (known == nullptr) known = std::make_shared<Use>(options_);
    // One of those who hold it is the map.
    if (options_->calls > 0 && static_cast<std::size_t>(known.use_count()) > options_->calls) {
      return Exceeded(absl::StrCat("the caller has ", options_->calls, " calls under way, which is its share"),
                      kRetryDelay);
    }
    use = known;
  }
  absl::Status counted = use->Count();
  if (!counted.ok()) return counted;
  return use;
}

void CallerLimits::ForgetIdle() {
  absl::erase_if(uses_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace authstate::server
