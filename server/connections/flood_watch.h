#ifndef AUTHSTATE_SERVER_CONNECTIONS_FLOOD_WATCH_H_
#define AUTHSTATE_SERVER_CONNECTIONS_FLOOD_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/connections/connection_counters.h"
#include "server/connections/process_usage.h"
#include "server/line_limit.h"

namespace authstate::server {

// How many calls a client may have open on one connection; it is told so in the settings of HTTP/2.
inline constexpr int kMaxOpenStreams = 1'000;

// Ends the connections of clients that flood the server with what no handler ever sees. gRPC 1.51 holds a client to
// settings only after the client has acknowledged them, and takes any number of streams that are reset as soon as they
// are begun, and headers without end. A connection is ended
// - that has more than 5,000 streams open, which are more than Admission lets in;
// - of whose streams more than 4,000, and 200 more a second, fail that never had a message;
// - that sends more than 256 MiB and completes no message by it, where the largest may have 64 MiB;
// - that is silent for 3 s and 2 MiB: it sends, completes no message and gives the server nothing to say. In a long
//   message gRPC has something to say each second or two at first, as it measures the way, and later for each megabyte;
// - that is silent for two looks and 2 MiB, while the memory of the process grows by 64 MiB a second and by more than
//   eight times what all connections have sent and four times what they were answered since the second before.
//
// Not thread-safe.
class FloodWatch {
 public:
  FloodWatch();

  // A connection, by a descriptor that stays open until it is forgotten.
  void Add(int descriptor, absl::Time now);
  void Forget(int descriptor);
  std::size_t size() const { return connections_.size(); }
  // All descriptors.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [descriptor, connection] : connections_) visit(descriptor);
  }

  // Looks at all connections; while the process does next to nothing, once a second. Returns after how long it wants to
  // look again: so that it takes about a twentieth of a processor at most, and 200 ms at the latest.
  absl::Duration Look(absl::Time now);

 private:
  struct Connection {
    std::string peer;
    std::optional<std::int64_t> number;
    bool ended = false;
    // When and at what it was looked at last.
    absl::Time time;
    TcpCounters tcp;
    StreamCounters streams;
    // gRPC may still be busy until then with what was received.
    absl::Time busy_until = absl::InfinitePast();
    // How many streams more may fail now without a message.
    double failures_left = 0;
    std::uint64_t bytes_without_message = 0;
    std::uint64_t silent_bytes = 0;
    absl::Time silent_since;
  };

  void LookAtAll(const ProcessUsage& usage, absl::Time now);
  bool IsIdle(const ProcessUsage& usage, absl::Time now);
  // Whether memory grows faster than what is received and answered can explain.
  bool MemoryIsBlownUp(const ProcessUsage& usage, absl::Time now);
  // Why the connection has to end; empty: it need not.
  absl::string_view Judge(int descriptor, Connection* connection, absl::Time now);
  void End(int descriptor, Connection* connection, absl::string_view reason, absl::Time now);

  StreamCounterReader counters_;
  absl::flat_hash_map<int, Connection> connections_;
  absl::Time last_look_ = absl::InfinitePast();
  absl::Time last_look_at_all_ = absl::InfinitePast();
  absl::Duration processor_time_;
  // About a second ago, and what was received since.
  absl::Time reference_time_ = absl::InfinitePast();
  ProcessUsage reference_;
  std::uint64_t received_ = 0;
  // How much growth was explained in the second before.
  std::uint64_t explained_before_ = 0;
  // After a flood: when what it left in the heap is given back to the system.
  absl::Time trim_at_ = absl::InfiniteFuture();
  LineLimit lines_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_FLOOD_WATCH_H_
