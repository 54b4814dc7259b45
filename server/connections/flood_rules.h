#ifndef AUTHSTATE_SERVER_CONNECTIONS_FLOOD_RULES_H_
#define AUTHSTATE_SERVER_CONNECTIONS_FLOOD_RULES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/connections/connection_counters.h"
#include "server/connections/process_usage.h"

namespace authstate::server {

// How much all connections together may hold in messages that are not complete, in bytes.
inline constexpr std::uint64_t kMostUnfinishedTogether = std::uint64_t{200} << 20;

// What stands beside messages in what is read: with TLS, records are in it as well.
enum class Framing : std::uint8_t { kPlain, kTls };

// What the kernel, gRPC and handlers have counted of a connection since it was made.
struct ConnectionCounters {
  // Read before the others: what handlers have received was read from the connection by then.
  std::uint64_t message_bytes = 0;
  TcpCounters tcp;
  StreamCounters streams;
};

// Judges by its counters whether the client of one connection floods the server with what no handler ever sees. gRPC
// 1.51 holds a client to settings only after the client has acknowledged them, and takes any number of streams that are
// reset as soon as they are begun, and headers without end. A connection floods
// - that has more than 5,000 streams open, which are more than Admission lets in;
// - of whose streams more than 4,000, and 200 more a second, fail that never had a message;
// - that sends more than 256 MiB and completes no message by it, where the largest may have 64 MiB;
// - that holds more than 192 MiB in messages that are not complete, or the most, where all together hold 200 MiB;
// - that is silent for 2 MiB, 3 s, and 3 s of processor time: it sends, completes no message and gives the server
//   nothing to say. In a long message gRPC has something to say each second or two at first, as it measures the way,
//   and later for each megabyte; unless it gets no processor, which is no fault of the client's;
// - that is silent for two looks and 2 MiB, while the memory of the process is blown up (MemoryGrowth).
//
// Not thread-safe.
class FloodRules {
 public:
  FloodRules(absl::Time now, Framing framing);

  // Looks at what was counted until `now`. Why the connection has to end; empty: it need not.
  absl::string_view Judge(const ConnectionCounters& counters, const ProcessUsage& usage, absl::Time now);
  // The same where memory is blown up, right after Judge.
  absl::string_view JudgeWhileMemoryGrows(absl::Time now) const;

  // What it may hold in messages that are not complete, when it was judged last: what was received and is in no message
  // that a handler has. Of each message, 128 bytes of frames and headers do not count, or 256 with TLS.
  std::uint64_t unfinished_bytes() const { return unfinished_bytes_; }
  // The counters that Judge was given last.
  const ConnectionCounters& counters() const { return counters_; }

 private:
  Framing framing_;
  absl::Time time_;
  ConnectionCounters counters_;
  // How many streams more may fail now without a message.
  double failures_left_;
  std::uint64_t bytes_without_message_ = 0;
  std::uint64_t unfinished_bytes_ = 0;
  std::uint64_t silent_bytes_ = 0;
  // And what the process had used of processors by then.
  absl::Time silent_since_;
  absl::Duration processor_time_;
};

// Tells whether memory grows faster than what is received and answered can explain: by 64 MiB a second and by more than
// eight times what all connections have sent and four times what they were answered since the second before.
//
// Not thread-safe.
class MemoryGrowth {
 public:
  // `received` is what the connections have sent since the last time.
  bool IsUnexplained(const ProcessUsage& usage, std::uint64_t received, absl::Time now);

 private:
  // About a second ago, and what was received since.
  absl::Time reference_time_ = absl::InfinitePast();
  ProcessUsage reference_;
  std::uint64_t received_ = 0;
  // How much growth was explained in the second before.
  std::uint64_t explained_before_ = 0;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_FLOOD_RULES_H_
