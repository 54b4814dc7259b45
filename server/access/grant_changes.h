#ifndef AUTHSTATE_SERVER_ACCESS_GRANT_CHANGES_H_
#define AUTHSTATE_SERVER_ACCESS_GRANT_CHANGES_H_

#include <memory>

#include "storage/backend.h"

namespace authstate::server {

class AccessWatch;

// A backend that answers a change of grants once it is in force at this server: who revokes a token through it is told
// so when the token is refused here. Other servers follow by themselves. Both are borrowed, and outlive it.
std::unique_ptr<storage::Backend> NewGrantChanges(storage::Backend* inner, AccessWatch* access);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_GRANT_CHANGES_H_
