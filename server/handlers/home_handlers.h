#ifndef AUTHSTATE_SERVER_HANDLERS_HOME_HANDLERS_H_
#define AUTHSTATE_SERVER_HANDLERS_HOME_HANDLERS_H_

#include <functional>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "storage/backend.h"
#include "storage/near/write_behind_state.h"

namespace authstate::server {

// The RPCs of AdminService on what is at home in files of write-behind, without the RPC framework around them: like
// AuthStateHandlers. Thread-safe. `backend` is borrowed and outlives every answer; `write_behind` tells the state of
// the server's own, if there is one, and is called from any thread.
class HomeHandlers {
 public:
  HomeHandlers(storage::Backend* backend, std::function<std::optional<storage::WriteBehindState>()> write_behind)
      : backend_(backend), write_behind_(std::move(write_behind)) {}

  void Handle(const v1::ListHomesRequest& request, absl::Time deadline, Respond<v1::ListHomesResponse> respond);
  // Logs what it has changed.
  void Handle(const v1::AbandonHomeRequest& request, absl::Time deadline, Respond<v1::AbandonHomeResponse> respond);

 private:
  storage::Backend* const backend_;
  const std::function<std::optional<storage::WriteBehindState>()> write_behind_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_HOME_HANDLERS_H_
