#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_COPIES_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_COPIES_H_

#include <string>

#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/refusals.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// The copies in the near store of sessions that were given back. One goes as soon as the far store is known to have
// something else, as where the session was written or deleted, and at the end of its time in any case: what was deleted
// for everybody is not kept here. Of one thread.
class Copies {
 public:
  // All outlive it.
  Copies(NearStore* near, HomeTable* table, const StepDeadline* steps, const WriteBehindOptions& options);

  // Looks at some of them, in turn, if it is time for that. False: the far store is away.
  bool Look(Backend& far, absl::Time now);

 private:
  // Unless it is on its way here at this moment.
  void Drop(const std::string& session_id);

  NearStore& near_;
  HomeTable& table_;
  const StepDeadline& steps_;
  const absl::Duration life_;
  const absl::Duration look_;
  const std::string owner_prefix_;
  absl::Time looked_at_ = absl::InfinitePast();
  std::string looked_up_to_;
  Refusals refusals_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_COPIES_H_
