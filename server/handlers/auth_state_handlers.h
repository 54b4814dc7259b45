#ifndef AUTHSTATE_SERVER_HANDLERS_AUTH_STATE_HANDLERS_H_
#define AUTHSTATE_SERVER_HANDLERS_AUTH_STATE_HANDLERS_H_

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "storage/backend.h"

namespace authstate::server {

// How a handler answers: exactly once, from any thread.
template <typename Response>
using Respond = absl::AnyInvocable<void(absl::StatusOr<Response>) &&>;

// The unary RPCs of AuthStateService, without the RPC framework around them: each validates, calls the backend, and
// translates its answer. None blocks. Thread-safe. `backend` is borrowed and outlives every answer.
class AuthStateHandlers {
 public:
  explicit AuthStateHandlers(storage::Backend* backend) : backend_(backend) {}

  void Handle(v1::GetCredsRequest request, absl::Time deadline, Respond<v1::GetCredsResponse> respond);
  void Handle(v1::SetCredsRequest request, absl::Time deadline, Respond<v1::SetCredsResponse> respond);
  void Handle(v1::DeleteCredsRequest request, absl::Time deadline, Respond<v1::DeleteCredsResponse> respond);
  void Handle(v1::GetKeysRequest request, absl::Time deadline, Respond<v1::GetKeysResponse> respond);
  void Handle(v1::SetKeysRequest request, absl::Time deadline, Respond<v1::SetKeysResponse> respond);
  void Handle(v1::DeleteKeysRequest request, absl::Time deadline, Respond<v1::DeleteKeysResponse> respond);
  void Handle(v1::CommitRequest request, absl::Time deadline, Respond<v1::CommitResponse> respond);
  // `visible`: the sessions that the caller may see, or why it may see none.
  void Handle(v1::ListSessionsRequest request, absl::StatusOr<std::vector<storage::SessionScope>> visible,
              absl::Time deadline, Respond<v1::ListSessionsResponse> respond);
  void Handle(v1::DeleteSessionRequest request, absl::Time deadline, Respond<v1::DeleteSessionResponse> respond);

 private:
  // The mutations differ in their validation alone.
  template <typename Response, typename Request>
  void Apply(Request request, absl::Time deadline, Respond<Response> respond);

  storage::Backend* const backend_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_AUTH_STATE_HANDLERS_H_
