#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_WHEREABOUTS_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_WHEREABOUTS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/claims.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// Whether it says that the far store is away, or has no room, and nothing about the session.
bool IsAway(const absl::Status& status);
// Whether it says that the far store does not have the session as it was flushed last.
bool IsElsewhere(const absl::Status& status);
// Whether the far store has the session as the home was flushed last.
bool IsAsFlushed(const LeaseResult& found, const Home& home);

// Where the sessions are that the far store no longer has as they were flushed last: another has taken them, or it has
// gone back to an earlier moment. Of one thread.
class Whereabouts {
 public:
  enum class Fate : std::uint8_t {
    // Another has the session. It is among those that are lost, unless it was given back.
    kGone,
    // The session is at home again, under another fence, and is flushed whole.
    kStartedOver,
    kUnknown,
  };

  // All outlive it.
  // `orphans`: those of the near store.
  Whereabouts(NearStore* near, HomeTable* table, const Claims* claims, const StepDeadline* steps, std::uint64_t orphans,
              const WriteBehindOptions& options);

  // Asks whether some homes, in turn, still are. One that writes nothing, or cannot be read here, would not learn
  // that it was taken. False: the far store is away.
  bool Look(Backend& far);
  // Starts over with a session which the far store no longer has as it was flushed last, if nobody else has it.
  Fate StartOver(Backend& far, const UnflushedChanges& changes);

  bool IsLost(const std::string& session_id) const { return lost_.count(session_id) > 0; }
  // Puts aside what a lost one could not flush, and forgets it. Fails as the near store does.
  absl::Status Lose(const std::string& session_id);
  // What the near store has put aside so. Thread-safe.
  std::uint64_t orphans() const { return orphans_.load(); }

 private:
  void CountOrphans();
  // It is given up at home in any case.
  void SetLost(const std::string& session_id, const std::string& taken_by);

  NearStore& near_;
  HomeTable& table_;
  const Claims& claims_;
  const StepDeadline& steps_;
  const std::function<void(const std::string& line)> log_;
  const std::string owner_prefix_;
  std::string looked_up_to_;
  // Sessions that others have taken, and who.
  std::map<std::string, std::string> lost_;
  std::atomic<std::uint64_t> orphans_;
  bool count_orphans_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_WHEREABOUTS_H_
