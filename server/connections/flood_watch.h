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
#include "server/connections/flood_rules.h"
#include "server/connections/process_usage.h"
#include "server/log/line_limit.h"

namespace authstate::server {

// How many calls a client may have open on one connection; it is told so in the settings of HTTP/2.
inline constexpr int kMaxOpenStreams = 1'000;

// Ends the connections of clients that flood the server with what no handler ever sees: it reads the counters of each,
// and FloodRules judge them. Not thread-safe.
class FloodWatch {
 public:
  explicit FloodWatch(Framing framing);

  // A connection, by a descriptor that stays open until it is forgotten.
  void Add(int descriptor, absl::Time now);
  void Forget(int descriptor);
  std::size_t size() const { return connections_.size(); }
  // Calls `visit` with each descriptor.
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
    // gRPC may still be busy until then with what was received.
    absl::Time busy_until = absl::InfinitePast();
    FloodRules rules;
  };

  void LookAtAll(const ProcessUsage& usage, absl::Time now);
  // Where connections hold too much together, of so much `memory` that is resident.
  void EndWhoHoldsMost(std::uint64_t memory, absl::Time now);
  bool IsIdle(const ProcessUsage& usage, absl::Time now);
  // nullopt while there is nothing to judge.
  std::optional<ConnectionCounters> Read(int descriptor, Connection* connection, absl::Time now);
  // Does nothing without a reason.
  void End(int descriptor, Connection* connection, absl::string_view reason, absl::Time now);

  const Framing framing_;
  StreamCounterReader counters_;
  absl::flat_hash_map<int, Connection> connections_;
  absl::Time last_look_ = absl::InfinitePast();
  absl::Time last_look_at_all_ = absl::InfinitePast();
  absl::Duration processor_time_;
  MemoryGrowth growth_;
  // After a flood: when what it left in the heap is given back to the system.
  absl::Time trim_at_ = absl::InfiniteFuture();
  LineLimit lines_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_FLOOD_WATCH_H_
