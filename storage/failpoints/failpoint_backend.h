#ifndef AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINT_BACKEND_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINT_BACKEND_H_

#include <memory>

#include "storage/backend.h"
#include "storage/failpoints/failpoints.h"

namespace authstate::storage {

// Does what `inner` does, and fails where an order of `failpoints` says so. Calls that an order holds back or drops are
// answered at the latest when the backend is destroyed.
std::unique_ptr<Backend> NewFailpointBackend(std::unique_ptr<Backend> inner, Failpoints failpoints);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINT_BACKEND_H_
