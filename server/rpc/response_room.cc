#include "server/rpc/response_room.h"

#include "server/rpc/admission.h"

namespace authstate::server {

absl::Status ResponseRoom::Take(const std::string& peer, std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  const auto held = bytes_of_peer_.find(peer);
  const std::size_t of_peer = held == bytes_of_peer_.end() ? 0 : held->second;
  if (of_peer + bytes > kMaxBytesOfPeer) {
    return Overloaded("this connection has not read the responses that it was sent; read them, and try again later");
  }
  if (bytes_ + bytes > kMaxBytes) return Overloaded("the server has too many responses to send; try again later");
  bytes_ += bytes;
  bytes_of_peer_[peer] += bytes;
  return absl::OkStatus();
}

void ResponseRoom::GiveBack(const std::string& peer, std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  bytes_ -= bytes;
  const auto held = bytes_of_peer_.find(peer);
  held->second -= bytes;
  if (held->second == 0) bytes_of_peer_.erase(held);
}

}  // namespace authstate::server
