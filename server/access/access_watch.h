#ifndef AUTHSTATE_SERVER_ACCESS_ACCESS_WATCH_H_
#define AUTHSTATE_SERVER_ACCESS_ACCESS_WATCH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/access/access_list.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// The grants that are in force at this server: those of the store that serves, as it was asked last, every two seconds.
// Calls are held to this list and never wait for the store.
//
// In an outage the last list stays in force. After a switch to another store the list is that of the other one. Where
// the list ever had a grant, callers have to show one from then on, until the process ends: no outage, switch or
// restored database opens a server again.
//
// Thread-safe. No lock is held while the store is asked.
class AccessWatch {
 public:
  struct Options {
    // Whether a store that never had a grant is open to everybody who reaches this server. Otherwise nobody gets in.
    bool may_be_open = false;
    absl::Duration interval = absl::Seconds(2);
    // How often the store is told which grants were used.
    absl::Duration note_interval = absl::Minutes(1);
    std::function<absl::Time()> clock = [] { return absl::Now(); };
  };

  // The list that is in force.
  struct Current {
    std::shared_ptr<const AccessList> list;
    // Callers need to show nothing.
    bool open = false;
    std::uint64_t generation = 0;
  };

  // Asks `backend` and blocks until it has answered; fails as it does. Both are borrowed, and outlive the watch.
  static absl::StatusOr<std::unique_ptr<AccessWatch>> Create(storage::Backend* backend, storage::DeadlineTimer& timer,
                                                             Options options);
  // Stops.
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

  // Asks at each interval from now on. `asked` is called after each time, whatever the answer was, from any thread but
  // on one at a time; it must not block. Once.
  void Start(std::function<void()> asked);
  // Asks no more, and waits until nothing is under way.
  void Stop();

  // Asks at once. `done` is called, from any thread, when a list that is at least as new as this call is in force, or
  // the store has not given it; the next interval then comes to it.
  using Done = absl::AnyInvocable<void() &&>;
  void Refresh(Done done);

  Current current() const;
  // Differs with every list; for those who keep what they found in one.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // The clock of the database, by which grants expire.
  absl::Time DatabaseNow() const { return options_.clock() + absl::Nanoseconds(database_ahead_ns_.load()); }

 private:
  AccessWatch(storage::Backend* backend, storage::DeadlineTimer& timer, Options options);

  void Ask();
  void OnAnswer(const std::string& store, absl::StatusOr<storage::GrantResult> answer);
  absl::Status Take(const std::string& store, absl::StatusOr<storage::GrantResult> answer);
  void CollectUses() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUses();

  storage::Backend* const backend_;
  const Options options_;
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<std::int64_t> database_ahead_ns_ = 0;

  mutable absl::Mutex mutex_;
  Current current_ ABSL_GUARDED_BY(mutex_);
  // Which store the list is of: versions of two stores have nothing to do with each other.
  std::string store_ ABSL_GUARDED_BY(mutex_);
  bool ever_granted_ ABSL_GUARDED_BY(mutex_) = false;
  // How asking has gone last.
  absl::Status asked_ ABSL_GUARDED_BY(mutex_);
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
  bool ask_again_ ABSL_GUARDED_BY(mutex_) = false;
  bool noting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Those whom the answer under way is for, and those who came since it was asked for.
  std::vector<Done> asked_for_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mutex_);
  // When grants were used that the store does not know of yet, and when it was told last.
  absl::flat_hash_map<std::string, absl::Time> uses_ ABSL_GUARDED_BY(mutex_);
  absl::Time noted_ ABSL_GUARDED_BY(mutex_);
  // Set by Start.
  std::function<void()> tell_asked_ ABSL_GUARDED_BY(mutex_);
  // Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline next_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_ACCESS_WATCH_H_
