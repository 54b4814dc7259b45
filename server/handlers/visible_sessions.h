#ifndef AUTHSTATE_SERVER_HANDLERS_VISIBLE_SESSIONS_H_
#define AUTHSTATE_SERVER_HANDLERS_VISIBLE_SESSIONS_H_

#include <vector>

#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::server {

// What Backend::List answers, of the sessions of `visible` alone. These are ordered by id, with none within another: so
// one after the other gives the sessions in their order, no call reads what is not shown, and one that comes after
// `list.after` goes on where the last page ended. `backend` outlives the answer.
void ListVisible(storage::Backend* backend, storage::ListRequest list, std::vector<storage::SessionScope> visible,
                 absl::Time deadline, storage::Backend::ListDone done);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_VISIBLE_SESSIONS_H_
