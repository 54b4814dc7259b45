#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/claims.h"
#include "storage/write_behind/copies.h"
#include "storage/write_behind/departures.h"
#include "storage/write_behind/far_link.h"
#include "storage/write_behind/flushes.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/refusals.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/whereabouts.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// How long the flusher rests after a flush that took so long. Not at all where nothing was written during it: the far
// store keeps up. Otherwise twice as long, but no longer than 50 ms: what is written again and again meanwhile goes
// over once, and a flush costs the log of the far store the same, however many commits it is of.
absl::Duration RestAfter(absl::Duration flush, bool written_meanwhile);

// Takes the far store after the near one: flushes what is dirty, gives back what is to leave, and tells which sessions
// another has taken. One thread. What is written after a flush is flushed at once; what is written during one waits for
// RestAfter it, unless that has left something behind. While the far store is away, rounds come less and less often.
class Flusher {
 public:
  // All outlive it.
  // `orphans`: those of the near store.
  Flusher(NearStore* near, FarLink* far, HomeTable* table, Claims* claims, StepDeadline* steps, std::uint64_t orphans,
          const WriteBehindOptions& options);
  // Flushes and gives back what it can within the time for that, and tells what it could not.
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  // Since when the far store does not answer; nullopt: it does, be it that it takes nothing in maintenance.
  // Thread-safe.
  std::optional<absl::Time> away_since() const {
    const absl::MutexLock lock(&mutex_);
    return away_since_;
  }
  // That the near store has. Thread-safe.
  std::uint64_t orphans() const { return whereabouts_.orphans(); }

 private:
  // How the far store stands: it takes what is flushed; it says that nobody may write; or it does neither.
  enum class Reach : std::uint8_t { kThere, kMaintenance, kAway };

  void Run();
  // What there is to do; or for `pause`, if it is not zero.
  void Await(absl::Duration pause);
  // What there is to do now; whether the far store was there.
  bool Round();
  bool Work(absl::Time now);
  // What is to be looked at now and then.
  void Look(absl::Time now);
  // Whether what is at home here by the far store alone is to be given back.
  bool IsTimeToSweep(absl::Time now);
  bool Answers(Backend& far) const;
  // Why a round has found it not to be there.
  Reach WhyNot();
  // What operators should know: that the far store went away, or into maintenance, is back, and has caught up.
  void Tell(Reach reach);
  static std::string LineOf(Reach before, Reach reach, const HomeTable::State& state);
  void TellWhatIsLeft() const;

  FarLink& far_;
  HomeTable& table_;
  Claims& claims_;
  const WriteBehindOptions options_;
  StepDeadline& steps_;
  Refusals refusals_;
  Whereabouts whereabouts_;
  Flushes flushes_;
  Departures departures_;
  Copies copies_;
  Reach reach_;
  // The far store was not there, and may still lack what was written meanwhile.
  bool catching_up_;
  bool sweep_ = true;
  // By the clock of the table, which does not jump.
  absl::Time rests_until_ = absl::InfinitePast();
  absl::Time sweep_again_at_ = absl::InfiniteFuture();
  absl::Time looked_at_ = absl::InfinitePast();
  absl::Notification ended_;
  mutable absl::Mutex mutex_;
  std::optional<absl::Time> away_since_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_
