#ifndef AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_
#define AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "contract/session_state.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Counts the sessions of a store by listing all of them, a page at a time, again and again: no store keeps such
// numbers. After each page it rests fifty times as long as that took, so that it takes about a fiftieth of one
// connection; and after the last one, `pause`. A page that the store cannot list in time is asked for again, half as
// large; the pages of the next listing are twice as large again, up to the first size.
//
// The state of a session is told by its creds, which have to be read, and would drive what others read out of a cache.
// So of a store with more than `states` sessions with creds it reads those of every second one, or third, and so on,
// each time of others.
//
// Thread-safe. It has no thread.
class SessionSampler {
 public:
  // What one listing of all sessions has found.
  struct Counts {
    std::uint64_t sessions = 0;
    // Half paired, or what an owner has left.
    std::uint64_t without_creds = 0;
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
    std::uint64_t leased = 0;
    // Not written for kIdle, by the clock of this machine.
    std::uint64_t idle = 0;
    // How many of `looked_at` sessions with creds are in each state, by its place in kSessionStates.
    std::uint64_t looked_at = 0;
    std::array<std::uint64_t, std::size(kSessionStates)> states{};
    // nullopt: not yet.
    std::optional<absl::Time> listed;

    std::uint64_t with_creds() const { return sessions - without_creds; }
  };

  struct Options {
    // How many sessions a page has at most, and at first.
    std::size_t page = 500;
    absl::Duration pause = absl::Minutes(1);
    // The most creds that are read in one listing.
    std::size_t states = 2'000;
  };

  // WhatsApp unlinks a device whose phone was not seen for two weeks; a bot that is connected writes every day.
  static constexpr absl::Duration kIdle = absl::Hours(7 * 24);

  // Both are borrowed, and outlive it.
  SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer, Options options);
  SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer);
  // Waits for the page that is being listed.
  ~SessionSampler();
  SessionSampler(const SessionSampler&) = delete;
  SessionSampler& operator=(const SessionSampler&) = delete;

  Counts counts() const;

 private:
  using Page = std::vector<storage::SessionSummary>;

  void List();
  void OnPage(absl::Time began, absl::StatusOr<Page> page);
  // The creds of a page whose state is looked at.
  std::vector<storage::ReadRequest> ToRead(const Page& page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnCreds(absl::Time began, const Page& page, const std::vector<absl::StatusOr<storage::ReadResult>>& creds);
  void Count(const Page& page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The page that was begun at `began` has come to this, and had so many sessions; goes on with what follows.
  void Go(absl::Time began, const absl::Status& status, std::size_t listed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::Backend* const backend_;
  const Options options_;
  mutable absl::Mutex mutex_;
  // Those that were counted last, and those of the listing under way, which has come up to `after_`.
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  Counts so_far_ ABSL_GUARDED_BY(mutex_);
  std::string after_ ABSL_GUARDED_BY(mutex_);
  // The size of the next page. Never more than options_.page.
  std::size_t page_ ABSL_GUARDED_BY(mutex_);
  // One of so many sessions with creds is looked at; after each listing, the next one.
  std::size_t stride_ ABSL_GUARDED_BY(mutex_) = 1;
  std::size_t listings_ ABSL_GUARDED_BY(mutex_) = 0;
  bool listing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline next_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_SESSION_SAMPLER_H_
