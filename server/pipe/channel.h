#ifndef AUTHSTATE_SERVER_PIPE_CHANNEL_H_
#define AUTHSTATE_SERVER_PIPE_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/handlers/lease_validation.h"
#include "server/pipe/operation.h"

namespace authstate::server::pipe {

// One channel of a stream. It is there while it has a session or operations.
struct Channel {
  bool attached() const { return fence != 0; }

  std::uint32_t id = 0;
  std::string session_id;
  // The fence of the lease under which the session is attached; 0: no session is.
  std::uint64_t fence = 0;
  // Operations of this channel are at the backend, or about to be: those in `waiting` have to wait.
  bool busy = false;
  Operations waiting;
};

// Fills in the session and fence under which the channel's operation takes place.
void Address(const Channel& channel, Operation* operation);

// Whether the caller may have `operation` take place on this session; empty: the channel has none, and the caller has
// but to be known.
using Permit = std::function<absl::Status(const Operation& operation, const std::string& session_id)>;

// The channels of a stream, and what can be said of an operation from the state of its channel alone. Not thread-safe.
class Channels {
 public:
  Channels(std::size_t limit, Stealing stealing, Permit permit)
      : limit_(limit), stealing_(stealing), permit_(std::move(permit)) {}

  // Puts the first of `from` at the end of its channel's queue.
  Channel* Enqueue(Operations* from);

  // The outcome of `operation`, which is the next one of `channel`, if the backend need not be asked: an OK status
  // stands for a detach that is done. Nullopt: it has to go to the backend; an attach then has a place among the
  // channels, and SetDetached gives it back if it fails.
  std::optional<absl::Status> Begin(Channel* channel, const Operation& operation, absl::Time now);

  // A channel is free after its detach, whatever became of the lease.
  void SetDetached(Channel* channel);

  // Channels with a session, or about to have one.
  std::size_t attached() const { return attached_; }

  // Forgets the channel if nothing is left of it.
  void Tidy(const Channel* channel);

  // Drops what waits on any channel; returns its bytes.
  std::size_t DropWaiting();

 private:
  const std::size_t limit_;
  const Stealing stealing_;
  const Permit permit_;
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<Channel>> channels_;
  std::size_t attached_ = 0;
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_CHANNEL_H_
