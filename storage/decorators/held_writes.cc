#include "storage/decorators/held_writes.h"

#include <algorithm>
#include <utility>

namespace authstate::storage {
namespace {

std::vector<GatedWritePtr> WritesOf(std::vector<HeldWrites::Held> held) {
  std::vector<GatedWritePtr> writes;
  writes.reserve(held.size());
  for (HeldWrites::Held& each : held) writes.push_back(std::move(each.write));
  return writes;
}

}  // namespace

bool HeldWrites::Add(absl::Time until, Held held) {
  const std::size_t bytes = held.write->bytes;
  if (held_.size() >= limits_.writes || bytes > limits_.bytes - bytes_) return false;
  bytes_ += bytes;
  held_.emplace(until, std::move(held));
  return true;
}

std::vector<HeldWrites::Held> HeldWrites::TakeIf(const std::function<bool(absl::Time, const Held&)>& taken) {
  std::vector<Held> result;
  for (auto each = held_.begin(); each != held_.end();) {
    if (!taken(each->first, each->second)) {
      ++each;
      continue;
    }
    bytes_ -= each->second.write->bytes;
    result.push_back(std::move(each->second));
    each = held_.erase(each);
  }
  return result;
}

std::vector<GatedWritePtr> HeldWrites::TakeAll() {
  return WritesOf(TakeIf([](absl::Time /*until*/, const Held& /*held*/) { return true; }));
}

std::vector<GatedWritePtr> HeldWrites::Take(For what) {
  return WritesOf(TakeIf([what](absl::Time /*until*/, const Held& held) { return held.what == what; }));
}

std::vector<HeldWrites::Held> HeldWrites::TakeExpired(absl::Time now) {
  return TakeIf([now](absl::Time until, const Held& /*held*/) { return until <= now; });
}

bool HeldWrites::AnyToHear() const {
  return std::any_of(held_.begin(), held_.end(), [](const auto& held) { return held.second.what == For::kToHear; });
}

}  // namespace authstate::storage
