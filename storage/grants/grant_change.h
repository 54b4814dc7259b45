#ifndef AUTHSTATE_STORAGE_GRANTS_GRANT_CHANGE_H_
#define AUTHSTATE_STORAGE_GRANTS_GRANT_CHANGE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/grant.h"

// The rules by which grants change, for stores that do it themselves; on PostgreSQL the statements say the same.
namespace authstate::storage {

// The grant of a request as it is from then on.
struct GrantChange {
  Grant grant;
  // Whether it is another than before.
  bool changed = false;
};

// What a request that is kCreate, kRotate or kRevoke makes of `present`, the grant of its id (null: there is none), at
// the time `now`.
absl::StatusOr<GrantChange> Change(const GrantRequest& request, const Grant* present, absl::Time now);

// Notes a use at `time`. False when a later one is known.
bool NoteUse(absl::Time time, Grant* grant);

// By how much the version grows with the next change.
std::uint64_t VersionStep();

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_GRANTS_GRANT_CHANGE_H_
