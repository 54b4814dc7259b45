#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_PAIRING_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_PAIRING_H_

#include "absl/status/status.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// A near store stays with the far store that it was made before. Once it does it has that one's grants: else a store
// that starts while that is away would take it for one that has none, and is open to everybody. Blocks. Errors are
// those of OpenWriteBehind.
absl::Status Pair(NearStore& near, Backend& far, const WriteBehindOptions& options);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_PAIRING_H_
