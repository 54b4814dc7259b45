#ifndef AUTHSTATE_SERVER_HANDLERS_SESSION_LISTING_H_
#define AUTHSTATE_SERVER_HANDLERS_SESSION_LISTING_H_

#include <vector>

#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "server/handlers/selection_validation.h"
#include "storage/backend.h"

namespace authstate::server {

// One page of sessions, of those that are `visible` (ListVisible). Where their states are wanted, the creds of the page
// are read in one call after the list, no more than some 64 MiB of them: a page then has at most 256 sessions, and ends
// before creds of more than 256 KiB, which are read alone, in a page of their own. `backend` outlives the answer.
void ListSessions(storage::Backend* backend, Listing listing, std::vector<storage::SessionScope> visible,
                  absl::Time deadline, Respond<v1::ListSessionsResponse> respond);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_SESSION_LISTING_H_
