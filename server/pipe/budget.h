#ifndef AUTHSTATE_SERVER_PIPE_BUDGET_H_
#define AUTHSTATE_SERVER_PIPE_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace authstate::server::pipe {

// The bytes that the pipes of a server hold together. It refuses nothing: whoever is about to take more asks first.
// Thread-safe.
class Budget {
 public:
  using OnFree = absl::AnyInvocable<void() &&>;

  explicit Budget(std::size_t limit) : limit_(limit) {}

  void Add(std::size_t bytes);
  // Calls those who wait, on this thread, once there is room again. Call it without a lock that they need.
  void Remove(std::size_t bytes);

  // Whether there is room. If not, `on_free` is called once there is.
  bool HasRoom(OnFree on_free);

  std::size_t bytes() const;

  // So many channels more have a session; may be negative. They are counted alone, and bound nothing.
  void AddChannels(std::int64_t channels) { channels_.fetch_add(channels, std::memory_order_relaxed); }
  std::int64_t channels() const { return channels_.load(std::memory_order_relaxed); }

 private:
  const std::size_t limit_;
  std::atomic<std::int64_t> channels_ = 0;
  mutable absl::Mutex mutex_;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<OnFree> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_BUDGET_H_
