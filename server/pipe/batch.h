#ifndef AUTHSTATE_SERVER_PIPE_BATCH_H_
#define AUTHSTATE_SERVER_PIPE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "server/pipe/channel.h"
#include "server/pipe/limits.h"
#include "server/pipe/operation.h"
#include "storage/backend.h"

// Operations of many channels that go to the backend as one call.
namespace authstate::server::pipe {

// What an operation asks of the backend. Kinds do not wait for each other: a renewal never waits behind commits of
// other channels.
enum class Kind : std::uint8_t {
  kCommits,
  kReads,
  kLeases,
  // What a call with others has not done, for the sake of those: each is a call of its own.
  kLargeReads,
  kLockedCommits,
  kLockedLeases,
};
inline constexpr std::size_t kKinds = 6;

Kind KindOf(const Operation& operation);

struct Batch {
  // The operations that follow each other on one channel, which is busy until they are answered.
  struct Member {
    Channel* channel = nullptr;
    Operations operations;
  };

  Kind kind = Kind::kCommits;
  std::vector<Member> members;
  std::size_t operations = 0;
};

// Takes as many operations of `kind` from the channels in `ready`, in order, as one call may have; at least one. A
// channel whose operations fit in part leaves `ready` too: the rest is for when it is no longer busy.
Batch TakeBatch(Kind kind, const Limits& limits, std::deque<Channel*>* ready);

// What the backend is asked, one for each operation. A commit stays in its operation as well if it may have to be
// asked for again, as it does not wait for a lock; a read leaves its names behind.
bool WaitsForLock(const Batch& batch, const Limits& limits);
std::vector<storage::Commit> CommitsOf(Batch* batch, const Limits& limits);
std::vector<storage::ReadRequest> ReadsOf(const Batch& batch, const Limits& limits);
std::vector<storage::LeaseRequest> LeasesOf(const Batch& batch);

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_BATCH_H_
