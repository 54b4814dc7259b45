#ifndef AUTHSTATE_TESTS_UNIT_DECORATORS_HELD_STORE_H_
#define AUTHSTATE_TESTS_UNIT_DECORATORS_HELD_STORE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {

// What a test sees of its HeldStore, and how it lets calls go on. Outlives the store. Thread-safe.
class StoreControl {
 public:
  // One call for commits or reads, as it reached the store.
  struct Call {
    std::size_t members = 0;
    absl::Time deadline;
  };

  // From now on calls wait.
  void Hold() {
    const absl::MutexLock lock(&mutex_);
    held_ = true;
  }
  // Calls that wait go on, in their order, and later ones do not wait.
  void Release() {
    {
      const absl::MutexLock lock(&mutex_);
      held_ = false;
    }
    while (ReleaseOne()) continue;
  }
  // The next call for commits fails with this instead of being done.
  void FailNextCommits(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }
  // The oldest call that waits goes on; whether there was one.
  bool ReleaseOne() {
    absl::AnyInvocable<void() &&> work;
    {
      const absl::MutexLock lock(&mutex_);
      if (waiting_.empty()) return false;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    std::move(work)();
    return true;
  }
  std::vector<Call> calls() const {
    const absl::MutexLock lock(&mutex_);
    return calls_;
  }
  // Waits until so many calls have reached the store in all.
  void AwaitCalls(std::size_t count) const {
    const absl::MutexLock lock(&mutex_);
    const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_.size() >= count; };
    mutex_.Await(absl::Condition(&reached));
  }

 private:
  friend class HeldStore;

  void Take(Call call, absl::AnyInvocable<void() &&> work) {
    {
      const absl::MutexLock lock(&mutex_);
      calls_.push_back(call);
      if (held_) {
        waiting_.push_back(std::move(work));
        return;
      }
    }
    std::move(work)();
  }

  absl::Status TakeFailure() {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(failure_, absl::OkStatus());
  }

  mutable absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::AnyInvocable<void() &&>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// A store in memory whose commits and reads can be held up before anything is done.
class HeldStore final : public ForwardingBackend {
 public:
  explicit HeldStore(StoreControl* control) : ForwardingBackend(NewMemoryBackend()), control_(*control) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    const std::size_t members = commits.size();
    control_.Take({members, deadline}, [this, commits = std::move(commits), done = std::move(done)]() mutable {
      const absl::Status failure = control_.TakeFailure();
      if (!failure.ok()) return std::move(done)(std::vector<absl::StatusOr<Applied>>(commits.size(), failure));
      inner().Apply(std::move(commits), absl::InfiniteFuture(), std::move(done));
    });
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    const std::size_t members = requests.size();
    control_.Take({members, deadline}, [this, requests = std::move(requests), done = std::move(done)]() mutable {
      inner().Read(std::move(requests), absl::InfiniteFuture(), std::move(done));
    });
  }

 private:
  StoreControl& control_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_UNIT_DECORATORS_HELD_STORE_H_
