#include "server/pipe/budget.h"

#include <utility>

namespace authstate::server::pipe {

void Budget::Add(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  bytes_ += bytes;
}

void Budget::Remove(std::size_t bytes) {
  std::vector<OnFree> waiting;
  {
    const absl::MutexLock lock(&mutex_);
    bytes_ -= bytes;
    if (bytes_ < limit_) waiting.swap(waiting_);
  }
  for (OnFree& on_free : waiting) std::move(on_free)();
}

bool Budget::HasRoom(OnFree on_free) {
  const absl::MutexLock lock(&mutex_);
  if (bytes_ < limit_) return true;
  waiting_.push_back(std::move(on_free));
  return false;
}

std::size_t Budget::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace authstate::server::pipe
