#ifndef AUTHSTATE_SERVER_RPC_SNAPSHOT_SLOTS_H_
#define AUTHSTATE_SERVER_RPC_SNAPSHOT_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Who may have a snapshot open. A database has room for few of them, and each stays open for as long as its reader
// takes for the pages, so they are shared out between callers, which are connections:
//
//   - One caller may have all slots while nobody else wants one: a pool that starts is as fast as the database.
//   - A slot that is free goes to the caller who has the fewest; of several, to the one who has waited longest.
//   - A page may lie unread for `patience`. While somebody waits who has fewer slots, the pages of a stream may lie for
//     `contended_patience` together, not counting a second for 8 MiB. Then the stream is given up. Who has had one
//     given up counts as having a slot more, until he wants none any longer.
//   - Nor does he get the last free slot, or who lets a page lie for `stall`. So those who never read keep others from
//     loading once, for `contended_patience`, and not each time anew.
//
// Thread-safe; outlives its claims.
class SnapshotSlots {
 public:
  struct Options {
    // How many there are. May change; is called from any thread.
    std::function<std::size_t()> slots;
    // More claims of one caller do not wait. Those of all callers are bounded by the requests that are let in
    // (admission.h), and one connection alone cannot use that up.
    std::size_t max_waiting_of_caller = 512;
    absl::Duration patience = absl::Seconds(30);
    absl::Duration contended_patience = absl::Seconds(5);
    absl::Duration stall = absl::Seconds(1);
  };

  class Claim;

  // `timer` outlives it.
  SnapshotSlots(storage::DeadlineTimer& timer, Options options);
  SnapshotSlots(const SnapshotSlots&) = delete;
  SnapshotSlots& operator=(const SnapshotSlots&) = delete;

 private:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  using Claims = std::list<Claim*>;

  // What one caller has and wants.
  struct Counts {
    std::size_t held = 0;
    std::size_t waiting = 0;
    // A stream of his was given up.
    bool slow = false;

    // Callers are served in this order, lowest first.
    std::size_t rank() const { return held + (slow ? 1 : 0); }
  };
  using Callers = std::map<std::string, Counts>;

  // Hands out what is free. Whatever changes who has or wants a slot, or whose page lies, ends with this; a claim that
  // it answers may be gone when it returns.
  void Share() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Who gets a free slot, one that may be had by all or not; null when nobody may have it.
  Claim* Next(bool by_all, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool DoesNotRead(Callers::const_iterator caller, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopWaiting(Claim* claim, absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIfIdle(Callers::iterator caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls what is in `answers_`, with the mutex given up. One thread does it for all: an answer may lead to the next.
  void Answer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // When a stream is given up for its page alone, and when for the sake of others, as things are now.
  absl::Time EndOf(const Claim& claim) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static absl::Time ContendedEndOf(const Claim& claim, std::size_t lowest_rank);
  // The lowest rank of those who wait for others to give their slots back; SIZE_MAX when there is none.
  std::size_t LowestRankOfWaiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void GiveUp(Claim* claim, absl::Status status);
  // When there may be something to end.
  absl::Time NextEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOverdue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAtOverdue();

  const Options options_;
  absl::Mutex mutex_;
  // The callers with a claim that waits or has a slot.
  Callers callers_ ABSL_GUARDED_BY(mutex_);
  // Both are in the order in which claims came there.
  Claims waiting_ ABSL_GUARDED_BY(mutex_);
  Claims held_ ABSL_GUARDED_BY(mutex_);
  // What options_.slots() returned last.
  std::size_t slots_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::pair<Done, absl::Status>> answers_ ABSL_GUARDED_BY(mutex_);
  bool answering_ ABSL_GUARDED_BY(mutex_) = false;
  // NextEnd(), or earlier. Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline next_end_;
};

// One stream's claim to a slot: it waits for it, has it, and gives it back. Destroyed once it has been answered.
class SnapshotSlots::Claim {
 public:
  // `caller` is a connection as gRPC names it. `give_up` is called at most once, while a page lies, and has to bring
  // PageTaken about; it must not block, nor call back.
  Claim(SnapshotSlots* slots, std::string caller, std::function<void()> give_up)
      : slots_(*slots), name_(std::move(caller)), give_up_(std::move(give_up)) {}
  ~Claim() { Release(); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  // Waits for a slot, once. `done` is called once, in place or from any thread, and must not block: OK when the slot is
  // had, else ResourceExhausted (OVERLOADED) when too many of the caller wait, DeadlineExceeded, or Cancelled.
  void Await(absl::Time deadline, Done done);
  // Waits no longer, if it still waits.
  void Cancel();

  // A page of so many bytes is on its way to the reader, and then has been taken. The status tells why the stream was
  // given up meanwhile, if so: DeadlineExceeded for one page, ResourceExhausted (OVERLOADED) for the sake of others.
  void PageSent(std::size_t bytes);
  absl::Status PageTaken();

  // Gives the slot back, if it was had.
  void Release();

 private:
  friend class SnapshotSlots;

  enum class State : std::uint8_t { kIdle, kWaiting, kHeld };

  SnapshotSlots& slots_;
  const std::string name_;
  const std::function<void()> give_up_;

  // What follows is guarded by the mutex of `slots_`, by which name its own methods do not know it.
  State state_ = State::kIdle;
  // While it waits or has a slot: whose it is, and where it stands in `waiting_` or `held_`.
  Callers::iterator caller_;
  Claims::iterator place_;
  absl::Time deadline_;
  Done done_;
  // Since when the page that was sent last lies, if it does.
  std::optional<absl::Time> lies_since_;
  // For how long its pages may lie yet while others wait: from `lies_since_` on, if one lies.
  absl::Duration contended_left_;
  absl::Status given_up_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_SNAPSHOT_SLOTS_H_
