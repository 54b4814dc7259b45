#ifndef AUTHSTATE_SERVER_PIPE_OPERATION_H_
#define AUTHSTATE_SERVER_PIPE_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/rpc/methods.h"
#include "storage/backend.h"

// The operations of a pipe as the server holds them, from a message that keeps the contract. Session and fence are
// those of the channel, and are filled in when the operation's turn comes.
namespace authstate::server::pipe {

struct Attach {
  storage::LeaseRequest request;
};
struct Detach {
  bool release = false;
};
struct Get {
  storage::ReadRequest request;
};
struct Commit {
  storage::Commit commit;
};
struct Renew {
  storage::LeaseRequest request;
};

struct Operation {
  std::uint64_t tag = 0;
  std::uint32_t channel = 0;
  std::variant<Attach, Detach, Get, Commit, Renew> work;
  // The bytes it takes up until it is answered, more or less.
  std::size_t bytes = 0;
  // A call with others has not done it, so it is sent again by itself (Kind).
  bool alone = false;
  // When it is given up if its turn has not come.
  absl::Time deadline = absl::InfiniteFuture();
};

// A list, so that operations go from queue to queue without being moved in memory.
using Operations = std::list<Operation>;

// Takes the operations out of a message. InvalidField names the first field that breaks the contract
// (`operations[3].commit.sets[2].key.id`); values are moved, also out of a message on an arena. Whether an operation
// fits the state of its channel is not looked at.
absl::StatusOr<Operations> TakeOperations(v1::PipeRequest&& request, absl::Time deadline);

// Its row in the table of what callers may ask for.
const Method& MethodOf(const Operation& operation);

// Whether it is to take a lease from an owner that is alive.
bool Steals(const Operation& operation);

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_OPERATION_H_
