#ifndef AUTHSTATE_STORAGE_BATCHES_WORK_QUEUE_H_
#define AUTHSTATE_STORAGE_BATCHES_WORK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace authstate::storage {

// A bounded first-in-first-out queue between callers, who never wait, and the threads of a driver, who do. Thread-safe.
template <typename T>
class WorkQueue {
 public:
  // Holds at most `limit` members.
  explicit WorkQueue(std::size_t limit) : limit_(limit) {}

  // Takes the member over; or, when the queue is full or closed, returns false and leaves it as it is.
  bool TryPush(T& member) {
    const absl::MutexLock lock(&mutex_);
    if (closed_ || members_.size() >= limit_) return false;
    members_.push_back(std::move(member));
    return true;
  }

  // Waits until PopBatch would not.
  void Await() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &WorkQueue::Ready));
  }

  bool empty() const {
    const absl::MutexLock lock(&mutex_);
    return members_.empty();
  }

  // Waits for a member, then takes the oldest ones, at most `limit`. Empty once the queue is closed and drained.
  std::vector<T> PopBatch(std::size_t limit) {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &WorkQueue::Ready));
    std::vector<T> batch;
    while (!members_.empty() && batch.size() < limit) {
      batch.push_back(std::move(members_.front()));
      members_.pop_front();
    }
    return batch;
  }

  // No member is taken from now on; those inside are still handed out.
  void Close() {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
  }

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !members_.empty(); }

  const std::size_t limit_;
  mutable absl::Mutex mutex_;
  std::deque<T> members_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_BATCHES_WORK_QUEUE_H_
