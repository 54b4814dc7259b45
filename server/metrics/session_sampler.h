#ifndef AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_
#define AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Counts the sessions of a store by listing all of them, a page at a time, again and again: no store keeps such
// numbers. After each page it rests fifty times as long as that took, so that it takes about a fiftieth of one
// connection; and after the last one, `pause`. A page that the store cannot list in time is asked for again, half as
// large.
//
// Thread-safe. It has no thread.
class SessionSampler {
 public:
  // Of one time that all were listed.
  struct Counts {
    std::uint64_t sessions = 0;
    // Half paired, or what an owner has left.
    std::uint64_t without_creds = 0;
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
    std::uint64_t leased = 0;
    // nullopt: not yet.
    std::optional<absl::Time> listed;
  };

  struct Options {
    // Of sessions, at most and at first.
    std::size_t page = 500;
    absl::Duration pause = absl::Minutes(1);
  };

  // Both are borrowed, and outlive it.
  SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer, Options options);
  SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer);
  // Waits for the page that is being listed.
  ~SessionSampler();
  SessionSampler(const SessionSampler&) = delete;
  SessionSampler& operator=(const SessionSampler&) = delete;

  Counts counts() const;

 private:
  void List();
  void OnPage(absl::Time began, absl::StatusOr<std::vector<storage::SessionSummary>> page);

  storage::Backend* const backend_;
  const Options options_;
  mutable absl::Mutex mutex_;
  // Those that were counted last, and those of the listing under way, which has come up to `after_`.
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  Counts so_far_ ABSL_GUARDED_BY(mutex_);
  std::string after_ ABSL_GUARDED_BY(mutex_);
  // Of the next page.
  std::size_t page_ ABSL_GUARDED_BY(mutex_);
  bool listing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline next_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_
