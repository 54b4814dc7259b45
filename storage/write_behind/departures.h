#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_DEPARTURES_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_DEPARTURES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/claims.h"
#include "storage/write_behind/flushes.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/refusals.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/whereabouts.h"

namespace authstate::storage {

// Gives sessions back to the far store. Of one thread. What is asked for tells whether all could be done, but for what
// is put off.
class Departures {
 public:
  // All outlive it.
  Departures(NearStore* near, HomeTable* table, Claims* claims, Whereabouts* whereabouts, const Flushes* flushes,
             Refusals* refusals, const StepDeadline* steps);

  // Those of `sessions`, which nobody uses any more, leave that have nothing to flush.
  bool Leave(Backend& far, const std::vector<std::string>& sessions);
  // Finds out about those which may have left. One of which that cannot be found out is put off, so that it holds up
  // nobody else. False: the far store is away.
  bool Resolve(Backend& far, const std::vector<std::string>& sessions);
  // Gives back what the far store takes to be at home here, and is not.
  bool Sweep(Backend& far);

 private:
  // Tells it, unless it passes by itself.
  void PutOff(const std::string& session_id, const absl::Status& why);
  // OK also where another has the session, or it is at home again.
  absl::Status ResolveOne(Backend& far, const std::string& session_id);
  // Asks for those which may leave to be given back.
  bool GiveBack(Backend& far, const std::vector<UnflushedChanges>& leaving);

  NearStore& near_;
  HomeTable& table_;
  Claims& claims_;
  Whereabouts& whereabouts_;
  const Flushes& flushes_;
  Refusals& refusals_;
  const StepDeadline& steps_;
  const std::string owner_prefix_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_DEPARTURES_H_
