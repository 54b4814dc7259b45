// How fast the codec is that every value of a request passes.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "contract/codec.h"
#include "contract/value.h"

namespace authstate {
namespace {

constexpr std::size_t kKeyBytes = 33;
constexpr std::int64_t kFreshRecord = 1'500;
constexpr std::int64_t kGrownRecord = 10'000;
constexpr std::int64_t kOldRecord = 100'000;

// A session record as libsignal writes it: a closed chain for each turn of the ratchet.
std::string SessionRecord(std::size_t bytes) {
  std::string text = R"({"_sessions":{"base":{"registrationId":4711,"_chains":{)";
  for (std::size_t chain = 0; text.size() < bytes; ++chain) {
    std::string key = absl::StrCat(chain);
    key.resize(kKeyBytes, static_cast<char>(chain));
    absl::StrAppend(&text, chain == 0 ? "" : ",", "\"", absl::Base64Escape(key),
                    R"(":{"chainKey":{"counter":0},"chainType":2,"messageKeys":{}})");
  }
  absl::StrAppend(&text, R"(}}},"version":"v1"})");
  return text;
}

void CanonicalizeSessionRecord(benchmark::State& state) {
  const Value value{ValueKind::kJson, SessionRecord(static_cast<std::size_t>(state.range(0)))};
  for ([[maybe_unused]] auto iteration : state) {
    absl::StatusOr<Value> canonical = Canonicalize(value);
    if (!canonical.ok()) state.SkipWithError("not canonical");
    benchmark::DoNotOptimize(canonical);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * value.bytes.size()));
}
BENCHMARK(CanonicalizeSessionRecord)->Arg(kFreshRecord)->Arg(kGrownRecord)->Arg(kOldRecord);

std::string PreKey() {
  const std::string half = absl::Base64Escape(std::string(kKeyBytes - 1, 'k'));
  return absl::StrCat(R"({"public":{"type":"Buffer","data":")", half, R"("},"private":{"type":"Buffer","data":")", half,
                      R"("}})");
}

void CanonicalizePreKey(benchmark::State& state) {
  const Value value{ValueKind::kJson, PreKey()};
  for ([[maybe_unused]] auto iteration : state) {
    absl::StatusOr<Value> canonical = Canonicalize(value);
    if (!canonical.ok()) state.SkipWithError("not canonical");
    benchmark::DoNotOptimize(canonical);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * value.bytes.size()));
}
BENCHMARK(CanonicalizePreKey);

// What a client sends that does not write the canonical form, or a file that is read in.
void ParsePreKey(benchmark::State& state) {
  const std::string text = PreKey();
  for ([[maybe_unused]] auto iteration : state) {
    absl::StatusOr<Value> value = ParseBufferJson(text);
    if (!value.ok()) state.SkipWithError("not parsed");
    benchmark::DoNotOptimize(value);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(ParsePreKey);

void WriteSenderKey(benchmark::State& state) {
  constexpr std::size_t kSenderKeyBytes = 1'000;
  const Value value{ValueKind::kRaw, std::string(kSenderKeyBytes, 's')};
  for ([[maybe_unused]] auto iteration : state) {
    std::string text = ToBufferJson(value);
    benchmark::DoNotOptimize(text);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * value.bytes.size()));
}
BENCHMARK(WriteSenderKey);

}  // namespace
}  // namespace authstate
