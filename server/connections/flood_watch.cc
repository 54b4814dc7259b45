#include "server/connections/flood_watch.h"

#include <malloc.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "server/logging.h"

namespace authstate::server {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// A process that uses less of one processor than this is idle.
constexpr double kIdle = 0.2;
// Whoever sent less since the last look cannot have done much.
constexpr std::uint64_t kLeastBytes = 65'536;
constexpr absl::Duration kBusyFor = absl::Milliseconds(500);
constexpr absl::Duration kIdleInterval = absl::Milliseconds(50);
constexpr absl::Duration kBusyInterval = absl::Milliseconds(10);
constexpr absl::Duration kLongestInterval = absl::Milliseconds(200);
constexpr absl::Duration kLookAtAllEvery = absl::Seconds(1);
constexpr int kShare = 20;
// gRPC frees the calls of a connection some time after its end; only then is there memory to give back.
constexpr absl::Duration kTrimAfter = absl::Seconds(1);

constexpr std::uint64_t kMostOpen = 5'000;
constexpr double kMostFailures = 4'000;
constexpr double kFailuresPerSecond = 200;
constexpr std::uint64_t kMostWithoutMessage = 4 * kMaxMessageBytes;
constexpr std::uint64_t kMostSilent = 2 * kMiB;
constexpr absl::Duration kLongestSilence = absl::Seconds(3);

constexpr absl::Duration kGrowthWindow = absl::Seconds(1);
constexpr std::uint64_t kFastGrowth = 64 * kMiB;
// What a byte received may cost in memory: it is there as it came, parsed and packed. A byte answered is there as the
// backend read it, in the response, and as it is sent.
constexpr std::uint64_t kCostOfByte = 8;
constexpr std::uint64_t kCostOfAnsweredByte = 4;

constexpr int kLinesPerSecond = 5;

}  // namespace

FloodWatch::FloodWatch() : lines_(kLinesPerSecond) {}

void FloodWatch::Add(int descriptor, absl::Time now) {
  Connection connection;
  connection.peer = PeerOf(descriptor);
  connection.time = connection.silent_since = now;
  connection.failures_left = kMostFailures;
  connections_[descriptor] = std::move(connection);
}

void FloodWatch::Forget(int descriptor) { connections_.erase(descriptor); }

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
  for (auto& [descriptor, connection] : connections_) {
    const absl::string_view reason = Judge(descriptor, &connection, now);
    if (!reason.empty()) End(descriptor, &connection, reason, now);
  }
  if (!MemoryIsBlownUp(usage, now)) return;
  for (auto& [descriptor, connection] : connections_) {
    if (!connection.ended && connection.silent_bytes > kMostSilent && connection.silent_since < now) {
      End(descriptor, &connection, "much without a message or an answer, while memory grows", now);
    }
  }
}

bool FloodWatch::IsIdle(const ProcessUsage& usage, absl::Time now) {
  const absl::Duration used = usage.processor_time - std::exchange(processor_time_, usage.processor_time);
  return used < kIdle * (now - std::exchange(last_look_, now));
}

bool FloodWatch::MemoryIsBlownUp(const ProcessUsage& usage, absl::Time now) {
  // What was received or answered just before the window may cost memory only within it.
  const auto explained = [&] {
    return kCostOfByte * received_ + kCostOfAnsweredByte * (usage.answered - reference_.answered);
  };
  if (now - reference_time_ >= kGrowthWindow) {
    reference_time_ = now;
    explained_before_ = explained();
    reference_ = usage;
    received_ = 0;
  }
  return usage.memory > reference_.memory + std::max(kFastGrowth, explained_before_ + explained());
}

absl::string_view FloodWatch::Judge(int descriptor, Connection* connection, absl::Time now) {
  if (connection->ended) return "";
  auto tcp = ReadTcpCounters(descriptor);
  if (!tcp.has_value()) return "";
  tcp->bytes_read = std::max(tcp->bytes_read, connection->tcp.bytes_read);
  if (tcp->bytes_read - connection->tcp.bytes_read >= kLeastBytes) connection->busy_until = now + kBusyFor;
  if (now > connection->busy_until) return "";
  if (!connection->number.has_value()) connection->number = counters_.TakeNumber(connection->peer);
  if (!connection->number.has_value()) return "";
  const auto streams = StreamCounterReader::Read(*connection->number);
  if (!streams.has_value()) {
    // It was that of an earlier connection from the same port.
    connection->number.reset();
    return "";
  }
  const std::uint64_t bytes = tcp->bytes_read - connection->tcp.bytes_read;
  const std::uint64_t messages = streams->messages - connection->streams.messages;
  const bool message = messages > 0;
  const bool silent = !message && tcp->segments_sent == connection->tcp.segments_sent;
  received_ += bytes;
  connection->bytes_without_message = message ? 0 : connection->bytes_without_message + bytes;
  if (!silent || connection->silent_bytes == 0) connection->silent_since = now;
  connection->silent_bytes = silent ? connection->silent_bytes + bytes : 0;
  connection->failures_left += kFailuresPerSecond * absl::ToDoubleSeconds(now - connection->time);
  const std::uint64_t failed = streams->failed - connection->streams.failed;
  connection->failures_left =
      std::min(connection->failures_left, kMostFailures) - static_cast<double>(std::max(failed, messages) - messages);
  connection->time = now;
  connection->tcp = *tcp;
  connection->streams = *streams;
  if (streams->open() > kMostOpen) return "too many open streams";
  if (connection->failures_left < 0) return "too many streams were reset or refused";
  if (connection->bytes_without_message > kMostWithoutMessage) return "too much without a message";
  const bool silent_for_long = now - connection->silent_since > kLongestSilence;
  if (silent_for_long && connection->silent_bytes > kMostSilent) return "much for long without a message";
  return "";
}

void FloodWatch::End(int descriptor, Connection* connection, absl::string_view reason, absl::Time now) {
  connection->ended = true;
  // connect(2): this dissolves the association. Unlike shutdown(2) it also throws away what was received and not read,
  // which can be megabytes more of the same.
  const sockaddr nobody{AF_UNSPEC, {}};
  (void)connect(descriptor, &nobody, sizeof(nobody));
  trim_at_ = now + kTrimAfter;
  const auto unlogged = lines_.Take(now);
  if (!unlogged.has_value()) return;
  Log(LogLevel::kWarn, "connection ended: it floods the server",
      {{"peer", connection->peer},
       {"reason", std::string(reason)},
       {"streams", absl::StrCat(connection->streams.begun)},
       {"open_streams", absl::StrCat(connection->streams.open())},
       {"failed_streams", absl::StrCat(connection->streams.failed)},
       {"bytes", absl::StrCat(connection->tcp.bytes_read)},
       {"more_unlogged", absl::StrCat(*unlogged)}});
}

}  // namespace authstate::server
