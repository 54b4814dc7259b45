#include "server/connections/flood_watch.h"

#include <malloc.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/connections/message_bytes.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

// A process that uses less of one processor than this is idle.
constexpr double kIdle = 0.2;
// A client that sent less since the last look cannot have done much.
constexpr std::uint64_t kLeastBytes = 65'536;
constexpr absl::Duration kBusyFor = absl::Milliseconds(500);
constexpr absl::Duration kIdleInterval = absl::Milliseconds(50);
constexpr absl::Duration kBusyInterval = absl::Milliseconds(10);
constexpr absl::Duration kLongestInterval = absl::Milliseconds(200);
constexpr absl::Duration kLookAtAllEvery = absl::Seconds(1);
constexpr int kShare = 20;
// gRPC frees the calls of a connection some time after its end; only then is there memory to give back.
constexpr absl::Duration kTrimAfter = absl::Seconds(1);

constexpr int kLinesPerSecond = 5;

}  // namespace

FloodWatch::FloodWatch(Framing framing) : framing_(framing), lines_(kLinesPerSecond) {}

void FloodWatch::Add(int descriptor, absl::Time now) {
  const auto added = connections_.insert_or_assign(
      descriptor, Connection{PeerOf(descriptor), std::nullopt, false, absl::InfinitePast(), FloodRules(now, framing_)});
  CountMessagesFrom(added.first->second.peer);
}

void FloodWatch::Forget(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  ForgetMessagesFrom(found->second.peer);
  connections_.erase(found);
}

absl::Duration FloodWatch::Look(absl::Time now) {
  const ProcessUsage usage = ReadProcessUsage();
  if (now >= trim_at_) {
    (void)malloc_trim(0);
    trim_at_ = absl::InfiniteFuture();
  }
  if (IsIdle(usage, now) && now - last_look_at_all_ < kLookAtAllEvery) return kIdleInterval;
  last_look_at_all_ = now;
  LookAtAll(usage, now);
  return std::clamp(kShare * (absl::Now() - now), kBusyInterval, kLongestInterval);
}

void FloodWatch::LookAtAll(const ProcessUsage& usage, absl::Time now) {
  std::uint64_t received = 0;
  for (auto& [descriptor, connection] : connections_) {
    const auto counters = Read(descriptor, &connection, now);
    if (!counters.has_value()) continue;
    received += counters->tcp.bytes_read - connection.rules.counters().tcp.bytes_read;
    End(descriptor, &connection, connection.rules.Judge(*counters, usage, now), now);
  }
  EndWhoHoldsMost(usage.memory, now);
  if (!growth_.IsUnexplained(usage, received, now)) return;
  for (auto& [descriptor, connection] : connections_) {
    End(descriptor, &connection, connection.rules.JudgeWhileMemoryGrows(now), now);
  }
}

void FloodWatch::EndWhoHoldsMost(std::uint64_t memory, absl::Time now) {
  std::uint64_t together = 0;
  std::pair<const int, Connection>* most = nullptr;
  for (auto& entry : connections_) {
    const Connection& connection = entry.second;
    if (connection.ended) continue;
    together += connection.rules.unfinished_bytes();
    if (most == nullptr || connection.rules.unfinished_bytes() > most->second.rules.unfinished_bytes()) most = &entry;
  }
  if (std::min(together, memory) <= kMostUnfinishedTogether) return;
  End(most->first, &most->second, "the most in messages that are not complete, of too much on all connections", now);
}

bool FloodWatch::IsIdle(const ProcessUsage& usage, absl::Time now) {
  const absl::Duration used = usage.processor_time - std::exchange(processor_time_, usage.processor_time);
  return used < kIdle * (now - std::exchange(last_look_, now));
}

std::optional<ConnectionCounters> FloodWatch::Read(int descriptor, Connection* connection, absl::Time now) {
  if (connection->ended) return std::nullopt;
  const std::uint64_t message_bytes = MessageBytesFrom(connection->peer);
  auto tcp = ReadTcpCounters(descriptor);
  if (!tcp.has_value()) return std::nullopt;
  const std::uint64_t bytes_before = connection->rules.counters().tcp.bytes_read;
  tcp->bytes_read = std::max(tcp->bytes_read, bytes_before);
  if (tcp->bytes_read - bytes_before >= kLeastBytes) connection->busy_until = now + kBusyFor;
  if (now > connection->busy_until) return std::nullopt;
  if (!connection->number.has_value()) connection->number = counters_.TakeNumber(connection->peer);
  if (!connection->number.has_value()) return std::nullopt;
  const auto streams = StreamCounterReader::Read(*connection->number);
  // Otherwise it was that of an earlier connection from the same port.
  if (!streams.has_value()) {
    connection->number.reset();
    return std::nullopt;
  }
  return ConnectionCounters{message_bytes, *tcp, *streams};
}

void FloodWatch::End(int descriptor, Connection* connection, absl::string_view reason, absl::Time now) {
  if (reason.empty() || connection->ended) return;
  connection->ended = true;
  // connect(2): this dissolves the association. Unlike shutdown(2) it also throws away what was received and not read,
  // which can be megabytes more of the same.
  const sockaddr nobody{AF_UNSPEC, {}};
  (void)connect(descriptor, &nobody, sizeof(nobody));
  trim_at_ = now + kTrimAfter;
  const auto unlogged = lines_.Take(now);
  if (!unlogged.has_value()) return;
  const auto& [message_bytes, tcp, streams] = connection->rules.counters();
  Log(LogLevel::kWarn, "connection ended: it floods the server",
      {{"peer", connection->peer},
       {"reason", std::string(reason)},
       {"streams", absl::StrCat(streams.begun)},
       {"open_streams", absl::StrCat(streams.open())},
       {"failed_streams", absl::StrCat(streams.failed)},
       {"bytes", absl::StrCat(tcp.bytes_read)},
       {"message_bytes", absl::StrCat(message_bytes)},
       {"more_unlogged", absl::StrCat(*unlogged)}});
}

}  // namespace authstate::server
