#ifndef AUTHSTATE_STORAGE_MOVING_SAME_DATABASE_H_
#define AUTHSTATE_STORAGE_MOVING_SAME_DATABASE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::storage {

// A session that never exists, and is nobody's. Whoever moves sessions leaves it out.
inline constexpr absl::string_view kSameDatabaseSession = "authstate-sync";

// Whether both lead to the same tables, as a pooler and the database behind it do: what is written of a session as that
// of the target would then be taken from whoever the source serves. Those of different ids are different. A copy has
// the id of its original, so then a lease of kSameDatabaseSession that has ended is left in the target, and looked for
// in the source. Blocks; fails as the databases do.
absl::StatusOr<bool> SameDatabase(Backend& source, Backend& target, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_SAME_DATABASE_H_
