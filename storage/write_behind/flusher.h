#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/claims.h"
#include "storage/write_behind/far_link.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// Takes the far store after the near one: flushes what is dirty, gives back what is to leave, and tells which sessions
// another has taken. One thread, which begins the next round as soon as the last one is answered; while the far store
// is away, less and less often.
class Flusher {
 public:
  // All outlive it.
  Flusher(NearStore* near, FarLink* far, HomeTable* table, Claims* claims, const WriteBehindOptions& options);
  // Flushes and gives back what it can within the time for that, and tells what it could not.
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

 private:
  using Sessions = std::vector<std::string>;

  void Run();
  // What there is to do now; whether the far store was there.
  bool Round();
  bool Work(absl::Time now);
  // What is to be looked at now and then.
  void Look(absl::Time now);
  // Of some of the homes, in turn: whether they are. One that writes nothing would not learn that it was taken.
  bool LookAtHomes(Backend& far);
  // Tells it, unless that was the last that was told of the session, or of the store.
  void Refuse(const std::string& session_id, const std::string& what, const absl::Status& status);
  bool Flush(Backend& far, const Sessions& sessions);
  // Of the sessions that nobody uses any more: those with nothing to flush leave. Whether all could.
  bool Leave(Backend& far, const Sessions& sessions);
  // Asks for those which may leave to be given back. Whether all were.
  bool GiveBack(Backend& far, const std::vector<UnflushedChanges>& leaving);
  bool Resolve(Backend& far, const Sessions& sessions);
  // Gives back what the far store takes to be at home here, and is not.
  bool Sweep(Backend& far);
  enum class Fate : std::uint8_t {
    // Another has the session. It is among those that are lost, unless it was given back.
    kGone,
    // The session is at home again, under another fence, and is flushed whole.
    kStartedOver,
    kUnknown,
  };
  // Starts over with a session which the far store no longer has as it was flushed last, if nobody else has it.
  Fate StartOver(Backend& far, const UnflushedChanges& changes);
  bool Lose(const std::string& session_id);
  // What the far store makes of a flush. Whether it was there.
  bool Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result,
                  std::vector<HomeChange>* flushed);
  void Tell(bool there);
  // By when a step has to be done.
  absl::Time Soon() const {
    const absl::MutexLock lock(&mutex_);
    return std::min(absl::Now() + options_.step_timeout, stop_by_);
  }
  bool stopping() const {
    const absl::MutexLock lock(&mutex_);
    return stop_by_ != absl::InfiniteFuture();
  }

  NearStore& near_;
  FarLink& far_;
  HomeTable& table_;
  Claims& claims_;
  const WriteBehindOptions options_;
  const std::string owner_prefix_;
  absl::BitGen random_;
  bool there_ = true;
  bool sweep_ = true;
  absl::Time sweep_again_at_ = absl::InfiniteFuture();
  absl::Time looked_at_ = absl::InfinitePast();
  std::string looked_up_to_;
  // Sessions that others have taken, and who.
  std::map<std::string, std::string> lost_;
  // Those whose flush was refused, which is told once.
  std::map<std::string, std::string> refused_;
  // When they are tried again.
  std::map<std::string, absl::Time> later_;
  mutable absl::Mutex mutex_;
  absl::Time stop_by_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHER_H_
