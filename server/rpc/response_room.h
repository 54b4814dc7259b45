#ifndef AUTHSTATE_SERVER_RPC_RESPONSE_ROOM_H_
#define AUTHSTATE_SERVER_RPC_RESPONSE_ROOM_H_

#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace authstate::server {

// Bounds the memory of large responses that are on their way, as gRPC keeps them for as long as a client does not read.
// Thread-safe.
class ResponseRoom {
 public:
  // A smaller response takes no room.
  static constexpr std::size_t kLargeBytes = std::size_t{64} << 10;
  // What all connections have together, and what one has: a message at its limit.
  static constexpr std::size_t kMaxBytes = std::size_t{384} << 20;
  static constexpr std::size_t kMaxBytesOfPeer = std::size_t{64} << 20;

  // Takes room for a response to `peer`, a connection as gRPC names it, which is to be given back once the response was
  // sent or has failed. ResourceExhausted, reason OVERLOADED, with a retry delay, when there is none.
  absl::Status Take(const std::string& peer, std::size_t bytes);
  void GiveBack(const std::string& peer, std::size_t bytes);

 private:
  absl::Mutex mutex_;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, std::size_t> bytes_of_peer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_RESPONSE_ROOM_H_
