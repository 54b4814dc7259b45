#ifndef AUTHSTATE_STORAGE_DECORATORS_COUNTING_BACKEND_H_
#define AUTHSTATE_STORAGE_DECORATORS_COUNTING_BACKEND_H_

#include <memory>

#include "storage/backend.h"
#include "storage/counts/call_counts.h"
#include "storage/near/near_store.h"

namespace authstate::storage {

// Passes every call on to `inner`, and counts it and how it ended.
std::unique_ptr<Backend> NewCountingBackend(std::unique_ptr<Backend> inner, std::shared_ptr<CallCounts> counts);
// Beyond what it counts of a Backend, it counts the damage that is found where a near store is flushed.
std::unique_ptr<NearStore> NewCountingNearStore(std::unique_ptr<NearStore> inner, std::shared_ptr<CallCounts> counts);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_COUNTING_BACKEND_H_
