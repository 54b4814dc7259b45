#include "storage/failpoints/failpoint_backend.h"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"

namespace authstate::storage {
namespace {

using Action = FailpointOrder::Action;
using Callback = absl::AnyInvocable<void() &&>;

// Does things later, on a thread each: orders are rare. Thread-safe.
class Later {
 public:
  // After `delay`; at once when it is stopped.
  void Do(absl::Duration delay, Callback callback) {
    {
      const absl::MutexLock lock(&mutex_);
      if (!stopped_) {
        threads_.emplace_back([this, delay, callback = std::move(callback)]() mutable {
          mutex_.LockWhenWithTimeout(absl::Condition(&stopped_), delay);
          mutex_.Unlock();
          std::move(callback)();
        });
        return;
      }
    }
    std::move(callback)();
  }

  // Does at once what waits, and returns when it is done. Once.
  void Stop() {
    std::vector<std::thread> threads;
    {
      const absl::MutexLock lock(&mutex_);
      stopped_ = true;
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

template <typename Result>
using Done = absl::AnyInvocable<void(std::vector<absl::StatusOr<Result>>) &&>;

template <typename Result>
std::vector<absl::StatusOr<Result>> Failures(std::size_t count, Outcome outcome) {
  return std::vector<absl::StatusOr<Result>>(
      count, WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "a failpoint said so"), outcome));
}

class FailpointBackend final : public ForwardingBackend {
 public:
  FailpointBackend(std::unique_ptr<Backend> inner, Failpoints failpoints)
      : ForwardingBackend(std::move(inner)), failpoints_(std::move(failpoints)) {}
  // What was held back may still go to the inner backend, which then answers its own calls.
  ~FailpointBackend() override {
    later_.Stop();
    EndInner();
  }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    const std::size_t count = commits.size();
    auto work = [this, commits = std::move(commits), deadline](ApplyDone reply) mutable {
      inner().Apply(std::move(commits), deadline, std::move(reply));
    };
    Before<Applied>(Failpoint::kBeforeCommit, count, std::move(work),
                    After<Applied>(Failpoint::kAfterCommit, count, BeforeReply<Applied>(count, std::move(done))));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    const std::size_t count = requests.size();
    inner().Read(std::move(requests), deadline, BeforeReply<ReadResult>(count, std::move(done)));
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    const std::size_t count = requests.size();
    const bool renews = std::any_of(requests.begin(), requests.end(), [](const LeaseRequest& request) {
      return request.action == LeaseRequest::Action::kRenew;
    });
    LeasesDone reply = BeforeReply<LeaseResult>(count, std::move(done));
    if (!renews) return inner().Leases(std::move(requests), deadline, std::move(reply));
    auto work = [this, requests = std::move(requests), deadline](LeasesDone renewed) mutable {
      inner().Leases(std::move(requests), deadline, std::move(renewed));
    };
    Before<LeaseResult>(Failpoint::kBeforeRenewal, count, std::move(work),
                        After<LeaseResult>(Failpoint::kAfterRenewal, count, std::move(reply)));
  }

 private:
  template <typename Result, typename Work>
  void Before(Failpoint point, std::size_t count, Work work, Done<Result> done) {
    const std::optional<FailpointOrder> order = failpoints_.Take(point);
    if (!order.has_value()) return std::move(work)(std::move(done));
    switch (order->action) {
      case Action::kCrash:
        return Crash();
      case Action::kError:
        return std::move(done)(Failures<Result>(count, Outcome::kNotApplied));
      case Action::kDrop:
        return Drop([count, done = std::move(done)]() mutable {
          std::move(done)(Failures<Result>(count, Outcome::kNotApplied));
        });
      case Action::kDelay:
        return later_.Do(order->delay, [work = std::move(work), done = std::move(done)]() mutable {
          std::move(work)(std::move(done));
        });
    }
  }

  // `done`, with what is ordered in front of it.
  template <typename Result>
  Done<Result> After(Failpoint point, std::size_t count, Done<Result> done) {
    return [this, point, count, done = std::move(done)](std::vector<absl::StatusOr<Result>> results) mutable {
      const std::optional<FailpointOrder> order = failpoints_.Take(point);
      if (!order.has_value()) return std::move(done)(std::move(results));
      switch (order->action) {
        case Action::kCrash:
          return Crash();
        case Action::kError:
          return std::move(done)(Failures<Result>(count, Outcome::kUnknown));
        case Action::kDrop:
          return Drop([count, done = std::move(done)]() mutable {
            std::move(done)(Failures<Result>(count, Outcome::kUnknown));
          });
        case Action::kDelay:
          return later_.Do(order->delay, [done = std::move(done), results = std::move(results)]() mutable {
            std::move(done)(std::move(results));
          });
      }
    };
  }

  template <typename Result>
  Done<Result> BeforeReply(std::size_t count, Done<Result> done) {
    return After<Result>(Failpoint::kBeforeReply, count, std::move(done));
  }

  // To be done when nobody waits for it any more.
  void Drop(Callback callback) { later_.Do(absl::InfiniteDuration(), std::move(callback)); }

  static void Crash() { (void)raise(SIGKILL); }

  const Failpoints failpoints_;
  Later later_;
};

}  // namespace

std::unique_ptr<Backend> NewFailpointBackend(std::unique_ptr<Backend> inner, Failpoints failpoints) {
  return std::make_unique<FailpointBackend>(std::move(inner), std::move(failpoints));
}

}  // namespace authstate::storage
