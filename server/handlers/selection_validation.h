#ifndef AUTHSTATE_SERVER_HANDLERS_SELECTION_VALIDATION_H_
#define AUTHSTATE_SERVER_HANDLERS_SELECTION_VALIDATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "contract/session_state.h"
#include "storage/backend.h"

// Turns the requests that go over a whole session, or all of them, into what a backend does; rules and errors as in
// request_validation.h. Pure.
namespace authstate::server {

// What LoadSession is to do.
struct Loading {
  storage::SnapshotRequest snapshot;
  std::size_t page_bytes = 0;
  std::uint64_t fence = 0;
};
absl::StatusOr<Loading> Validate(v1::LoadSessionRequest request);

// What ListSessions is to do.
struct Listing {
  // Its `limit` is the page size; one more is asked of the backend by whoever wants to know whether a page follows.
  storage::ListRequest list;
  // Only sessions in one of these; empty: in any.
  std::vector<SessionState> states;
  // Whether the state of each is to be told; so it is where `states` is not empty.
  bool want_state = false;
};
absl::StatusOr<Listing> Validate(v1::ListSessionsRequest request);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_SELECTION_VALIDATION_H_
