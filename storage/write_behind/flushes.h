#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/refusals.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/whereabouts.h"

namespace authstate::storage {

// Takes the far store after the near one: one commit of each session for all that changed since the last. Of one
// thread.
class Flushes {
 public:
  // All outlive it.
  Flushes(NearStore* near, HomeTable* table, Whereabouts* whereabouts, Refusals* refusals, const StepDeadline* steps)
      : near_(*near), table_(*table), whereabouts_(*whereabouts), refusals_(*refusals), steps_(*steps) {}

  // Of sessions that were taken for flushed in the table. Whether the far store was there.
  bool Flush(Backend& far, const std::vector<std::string>& sessions);

  // Whether the session was refused for what it is, and is tried again later.
  bool IsPutOff(const std::string& session_id) const { return later_.count(session_id) > 0; }
  // Those for which later is now are dirty again.
  void TryAgain(absl::Time now);

 private:
  // What the far store makes of a flush. Whether it was there.
  bool Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result,
                  std::vector<HomeChange>* flushed);

  NearStore& near_;
  HomeTable& table_;
  Whereabouts& whereabouts_;
  Refusals& refusals_;
  const StepDeadline& steps_;
  absl::BitGen random_;
  // When they are tried again.
  std::map<std::string, absl::Time> later_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_
