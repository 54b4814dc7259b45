#ifndef AUTHSTATE_SERVER_CONNECTIONS_CONNECTION_COUNTERS_H_
#define AUTHSTATE_SERVER_CONNECTIONS_CONNECTION_COUNTERS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace authstate::server {

// `127.0.0.1:41234` or `[::1]:41234`: the other end of a connection; empty where there is none any more.
std::string PeerOf(int descriptor);

// What the kernel has counted of a TCP connection since it was made.
struct TcpCounters {
  // By the process, not only by the kernel. What arrives at this very moment may be missed, or counted too early.
  std::uint64_t bytes_read = 0;
  // Only segments that carried data count.
  std::uint64_t segments_sent = 0;
};

// nullopt where `descriptor` is no TCP connection.
std::optional<TcpCounters> ReadTcpCounters(int descriptor);

// What gRPC has counted of a connection since it was made.
struct StreamCounters {
  std::uint64_t begun = 0;
  // Answered to their end, and let go.
  std::uint64_t answered = 0;
  // Let go before: reset by the client, or refused.
  std::uint64_t failed = 0;
  // Requests that have arrived whole.
  std::uint64_t messages = 0;

  // They are not read at one moment: a stream may have ended before it was seen to begin.
  std::uint64_t open() const { return std::max(begun, answered + failed) - answered - failed; }
};

// Finds the counters that gRPC keeps of all connections to the servers of this process, by channelz
// (https://github.com/grpc/proposal/blob/master/A14-channelz.md). They tell what the transport has done, where what
// reaches a handler has waited for a thread before. Not thread-safe.
class StreamCounterReader {
 public:
  // gRPC's number of the connection from `peer`, as PeerOf writes it; nullopt where gRPC knows none (yet). Once for
  // each connection.
  std::optional<std::int64_t> TakeNumber(const std::string& peer);
  // nullopt once gRPC has let go of the connection.
  static std::optional<StreamCounters> Read(std::int64_t number);

 private:
  // Learns the numbers of the connections that gRPC made since the last time.
  void Learn();

  std::int64_t next_number_ = 0;
  // The numbers of connections that TakeNumber has not handed out yet, by peer.
  absl::flat_hash_map<std::string, std::int64_t> numbers_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_CONNECTION_COUNTERS_H_
