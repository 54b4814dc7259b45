#ifndef AUTHSTATE_STORAGE_MEMORY_MEMORY_BACKEND_H_
#define AUTHSTATE_STORAGE_MEMORY_MEMORY_BACKEND_H_

#include <memory>

#include "storage/backend.h"

namespace authstate::storage {

// A store that lives and ends with its process: for tests, and as the plainest reading of storage/backend.h. It keeps
// every promise of the interface but durability. Calls are answered before they return, and never fail for want of
// room. A snapshot is a copy of its session.
std::unique_ptr<Backend> NewMemoryBackend();

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MEMORY_MEMORY_BACKEND_H_
