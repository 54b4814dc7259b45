#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_LISTING_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_LISTING_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::storage {

// Backend::List over both stores: of the sessions `at_home` as the near one has them, of all others as the far one
// does. Both outlive the call.
void ListBoth(Backend& near, Backend& far, absl::flat_hash_set<std::string> at_home, ListRequest request,
              absl::Time deadline, Backend::ListDone done);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_LISTING_H_
