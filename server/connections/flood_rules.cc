#include "server/connections/flood_rules.h"

#include <algorithm>

#include "contract/limits.h"

namespace authstate::server {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

constexpr std::uint64_t kMostOpen = 5'000;
constexpr double kMostFailures = 4'000;
constexpr double kFailuresPerSecond = 200;
constexpr std::uint64_t kMostWithoutMessage = 4 * kMaxMessageBytes;
constexpr std::uint64_t kMostUnfinished = 3 * kMaxMessageBytes;
// A frame of data has 16 KiB. More for a message would let a client hold as much by a call that costs it less.
constexpr std::uint64_t kMessagePerFrames = 256;
constexpr std::uint64_t kBesideMessage = 128;
// A record has up to 16 KiB and costs 22 or 29 bytes; a small message comes in two to four of them.
constexpr std::uint64_t kTimesWithTls = 2;
constexpr std::uint64_t kMostSilent = 2 * kMiB;
constexpr absl::Duration kLongestSilence = absl::Seconds(3);

constexpr absl::Duration kGrowthWindow = absl::Seconds(1);
constexpr std::uint64_t kFastGrowth = 64 * kMiB;
// What a byte received may cost in memory: it is there as it came, parsed and packed. A byte answered is there as the
// backend read it, in the response, and as it is sent.
constexpr std::uint64_t kCostOfByte = 8;
constexpr std::uint64_t kCostOfAnsweredByte = 4;

// Nothing where a counter went back, as it was that of an earlier connection from the same port.
std::uint64_t Growth(std::uint64_t before, std::uint64_t now) { return std::max(before, now) - before; }

}  // namespace

FloodRules::FloodRules(absl::Time now, Framing framing)
    : framing_(framing), time_(now), failures_left_(kMostFailures), silent_since_(now) {}

absl::string_view FloodRules::Judge(const ConnectionCounters& counters, const ProcessUsage& usage, absl::Time now) {
  const std::uint64_t bytes = Growth(counters_.tcp.bytes_read, counters.tcp.bytes_read);
  const std::uint64_t messages = Growth(counters_.streams.messages, counters.streams.messages);
  const bool message = messages > 0;
  const bool silent = !message && counters.tcp.segments_sent == counters_.tcp.segments_sent;
  bytes_without_message_ = message ? 0 : bytes_without_message_ + bytes;
  const std::uint64_t message_bytes = Growth(counters_.message_bytes, counters.message_bytes);
  const std::uint64_t beside = message_bytes / kMessagePerFrames + messages * kBesideMessage;
  const std::uint64_t in_messages = message_bytes + beside * (framing_ == Framing::kTls ? kTimesWithTls : 1);
  unfinished_bytes_ = std::max(unfinished_bytes_ + bytes, in_messages) - in_messages;
  // What ended before it was complete is held no longer, and counted no longer than memory can hold it.
  unfinished_bytes_ = counters.streams.open() == 0 ? 0 : std::min(unfinished_bytes_, usage.memory);
  if (!silent || silent_bytes_ == 0) {
    silent_since_ = now;
    processor_time_ = usage.processor_time;
  }
  silent_bytes_ = silent ? silent_bytes_ + bytes : 0;
  failures_left_ += kFailuresPerSecond * absl::ToDoubleSeconds(now - time_);
  const std::uint64_t failed = Growth(counters_.streams.failed, counters.streams.failed);
  failures_left_ = std::min(failures_left_, kMostFailures) - static_cast<double>(std::max(failed, messages) - messages);
  time_ = now;
  counters_ = counters;
  if (counters.streams.open() > kMostOpen) return "too many open streams";
  if (failures_left_ < 0) return "too many streams were reset or refused";
  if (bytes_without_message_ > kMostWithoutMessage) return "too much without a message";
  if (unfinished_bytes_ > kMostUnfinished) return "too much in messages that are not complete";
  const bool silent_for_long = std::min(now - silent_since_, usage.processor_time - processor_time_) > kLongestSilence;
  if (silent_for_long && silent_bytes_ > kMostSilent) return "much for long without a message";
  return "";
}

absl::string_view FloodRules::JudgeWhileMemoryGrows(absl::Time now) const {
  const bool silent = silent_bytes_ > kMostSilent && silent_since_ < now;
  return silent ? "much without a message or an answer, while memory grows" : "";
}

bool MemoryGrowth::IsUnexplained(const ProcessUsage& usage, std::uint64_t received, absl::Time now) {
  received_ += received;
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

}  // namespace authstate::server
