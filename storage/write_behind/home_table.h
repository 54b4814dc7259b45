#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_HOME_TABLE_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_HOME_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/store_clock.h"
#include "storage/write_behind/bell.h"

namespace authstate::storage {

// Which sessions are at home, and what of them is under way: who asks is told where to go, or is held until that is
// known. Thread-safe; what was held goes on with no lock held.
//
// Deadlines are by the clock of the system, as those of all calls. All else counts by a clock that does not jump.
class HomeTable {
 public:
  // What is held: told OK when it may ask anew, else why it may not.
  using Resume = absl::AnyInvocable<void(absl::Status) &&>;
  enum class Place : std::uint8_t { kNear, kFar, kHeld };
  // A commit adds to what is not flushed, and waits for room.
  enum class Use : std::uint8_t { kOther, kCommit };

  // `on_hold` is told whenever somebody is held, and calls Expire soon then. It must not call this.
  HomeTable(std::uint64_t max_bytes, absl::Duration max_age, std::function<void()> on_hold)
      : max_bytes_(max_bytes), max_age_(max_age), on_hold_(std::move(on_hold)) {}
  // Tells those held that they have waited in vain.
  ~HomeTable();
  HomeTable(const HomeTable&) = delete;
  HomeTable& operator=(const HomeTable&) = delete;

  // Where a call for the session goes. kNear: the session does not leave before EndUse. kHeld: `resume` was taken, and
  // will be told by `deadline` or soon after; or was told already.
  Place Enter(const std::string& session_id, Use use, absl::Time deadline, Resume* resume);
  void EndUse(const std::string& session_id);
  // The same of a commit of `bytes`, which has changed something, or may have; or of so many that were one call.
  void EndCommit(const std::string& session_id, std::uint64_t bytes, std::uint64_t commits = 1);
  // Is told the lease of a session after each request about it.
  void SetLease(const std::string& session_id, const Lease& lease);

  // From kFar to a claim under way, which is the caller's; false where it is in the table already, or claims have
  // ended.
  bool BeginClaim(const std::string& session_id);
  // It is at home now; or it is not. What was held goes on.
  void EndClaim(const std::string& session_id, bool at_home, const Lease& lease);
  void AddHome(const std::string& session_id, bool leaving, std::uint64_t dirty_bytes, absl::Time dirty_since,
               const Lease& lease, std::uint64_t dirty_commits = 0);

  // One of which it is not known whether it is at home: until it is Shut, whoever asks for it is told DataLoss, reason
  // kCorruptValue.
  void AddDamaged(const std::string& session_id);

  // Sessions with something to flush, at most `limit`: those first that are shut to everybody, then those that have
  // waited longest. It is taken for flushed until Flushed says otherwise.
  std::vector<std::string> TakeDirty(std::size_t limit);
  void Flushed(const std::string& session_id, bool ok);
  // It could not be flushed for what it is: it is not dirty until TryAgain, and counts by itself until it was flushed,
  // so that it stops nobody else.
  void PutOff(const std::string& session_id);
  void TryAgain(const std::string& session_id);

  // The session is to leave; `settled` is told once it has, or cannot now, or by `deadline`.
  void WantToLeave(const std::string& session_id, absl::Time deadline, absl::AnyInvocable<void() &&> settled);
  // All whose lease has ended, and what was put off; or all.
  void WantExpiredToLeave();
  void WantAllToLeave();
  // Those that want to leave and that nobody writes any more, shut to everybody; and those that may have left.
  std::vector<std::string> TakeLeaving(std::size_t limit);
  std::vector<std::string> TakeInDoubt();
  // Those that want to leave and may stay.
  std::vector<std::string> Leaving() const;
  // Nobody gets in any more: another has the session. It is among those that leave.
  void Shut(const std::string& session_id);
  // Nothing can be done about one that leaves, or may have left, before WantExpiredToLeave.
  void PutOffLeaving(const std::string& session_id);
  // It stays, and is open again; or it may have left; or it is gone.
  void Stay(const std::string& session_id);
  void Doubt(const std::string& session_id);
  void Remove(const std::string& session_id);

  // Tells those held whose deadline has passed.
  void Expire(absl::Time now);
  // Those that wait for room try again, if there is any.
  void LetWaitingGoOn();
  bool AnybodyHeld() const;

  struct State {
    std::size_t sessions = 0;
    std::size_t dirty_sessions = 0;
    std::uint64_t commits = 0;
    std::uint64_t bytes = 0;
    absl::Time oldest = absl::InfiniteFuture();
  };
  State Now() const;
  // Whether there is something to flush.
  bool IsDirty() const {
    const absl::MutexLock lock(&mutex_);
    return !dirty_.empty();
  }
  absl::flat_hash_set<std::string> Sessions() const;

  // The time by the clock that does not jump.
  absl::Time SteadyNow() const { return clock_.Now(); }
  // What there may be to do: sessions that leave, or may have left; those, and what is to be flushed.
  enum class Work : std::uint8_t { kNone, kLeaving, kAny };
  // Waits for such work, or for Wake, but no longer than `patience`. One thread alone.
  void AwaitWork(absl::Duration patience, Work work);
  // Ends the wait.
  void Wake();

 private:
  struct Held {
    absl::Time deadline;
    Resume resume;
  };
  struct Entry {
    enum class Phase : std::uint8_t { kClaiming, kOpen, kShut, kInDoubt, kDamaged };
    Phase phase = Phase::kClaiming;
    // How many calls of the near store are under way.
    int uses = 0;
    bool dirty = false;
    // Whether it stands in dirty_.
    bool queued = false;
    // Not flushed, of which so much is under way in a flush.
    std::uint64_t bytes = 0;
    std::uint64_t flushing_bytes = 0;
    // The same in commits.
    std::uint64_t commits = 0;
    std::uint64_t flushing_commits = 0;
    absl::Time dirty_since = absl::InfiniteFuture();
    bool put_off = false;
    // Whether its bytes are not among those that all have together.
    bool apart = false;
    absl::Time lease_end = absl::InfinitePast();
    std::deque<Held> held;
    // Told whatever comes.
    std::deque<Held> settled;
  };
  using Ready = std::vector<absl::AnyInvocable<void() &&>>;

  void Hold(std::deque<Held>* all, Held held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Take(std::deque<Held>* all, const absl::Status& status, Ready* ready);

  static void GoOn(Ready ready);
  Entry& Ended(const std::string& session_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(Entry* entry, Ready* ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void InsertLeaving(const std::string& session_id, const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static bool CanGo(const Entry& entry);
  bool There(Work work) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // There is such work: who waits for it is woken.
  void Tell(Work work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the session may not have more that is not flushed.
  bool Full(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MarkDirty(const std::string& session_id, Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetBytes(std::uint64_t bytes, bool apart, Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::uint64_t max_bytes_;
  const absl::Duration max_age_;
  const std::function<void()> on_hold_;
  const StoreClock clock_;
  Bell bell_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // In the order in which they are to be flushed. Beside those that are queued there may be some that have gone, were
  // put off, or have come to the front since.
  std::deque<std::string> dirty_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> leaving_ ABSL_GUARDED_BY(mutex_);
  std::deque<Held> waiting_ ABSL_GUARDED_BY(mutex_);
  // The bytes of those that are not apart.
  std::uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // How many calls sessions hold, those in `settled` included.
  std::size_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  bool claims_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  // What is waited for.
  Work awaited_ ABSL_GUARDED_BY(mutex_) = Work::kNone;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_HOME_TABLE_H_
