#ifndef AUTHSTATE_TESTS_BENCH_CALL_LOOP_H_
#define AUTHSTATE_TESTS_BENCH_CALL_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::bench {

// Keeps a number of asynchronous calls under way: where one ends, the next begins. Thread-safe, but for one Measure at
// a time. Calls may end on any thread, also before `Begin` returns.
class CallLoop {
 public:
  using Done = std::function<void(absl::Status)>;
  // Begins a call in a slot, 0 to `in_flight` - 1, which has no other one under way. `done` is called once.
  using Begin = std::function<void(std::size_t slot, Done done)>;

  CallLoop(std::size_t in_flight, Begin begin) : in_flight_(in_flight), begin_(std::move(begin)) {}
  CallLoop(const CallLoop&) = delete;
  CallLoop& operator=(const CallLoop&) = delete;

  // How many calls end in a second, counted for `measure` once `warm_up` has passed. Fails with the first call that
  // does; returns when none is under way any more.
  absl::StatusOr<double> Measure(absl::Duration warm_up, absl::Duration measure);

 private:
  void Next(std::size_t slot);
  void End(std::size_t slot, const absl::Status& status);
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return under_way_ == 0; }
  bool Failed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !status_.ok(); }
  std::uint64_t Ended();

  const std::size_t in_flight_;
  const Begin begin_;
  absl::Mutex mutex_;
  std::size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::bench

#endif  // AUTHSTATE_TESTS_BENCH_CALL_LOOP_H_
