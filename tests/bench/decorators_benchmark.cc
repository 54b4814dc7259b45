// What batching, the cache and the counters themselves cost, over a store in memory that answers at once.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/time.h"
#include "contract/value.h"
#include "storage/await_call.h"
#include "storage/backend.h"
#include "storage/counts/call_counts.h"
#include "storage/decorators/batching_backend.h"
#include "storage/decorators/caching_backend.h"
#include "storage/decorators/counting_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kValueBytes = 1'500;
constexpr std::size_t kCacheBytes = std::size_t{64} << 20;
constexpr int kFewCallers = 1;
constexpr int kManyCallers = 256;
constexpr int kManyThreads = 4;
constexpr std::size_t kLargeValueBytes = 64'000;

const KeyName& Contact() {
  static const auto* const name = new KeyName{"session", "5511999990001_1.0"};
  return *name;
}

Commit CommitTo(const std::string& session_id) {
  Commit commit;
  commit.session_id = session_id;
  commit.sets.push_back({Contact(), Value{ValueKind::kRaw, std::string(kValueBytes, 'v')}});
  return commit;
}

// So many calls of one commit each, to sessions of their own, begun before the first is waited for.
void CommitSideBySide(benchmark::State& state, std::unique_ptr<Backend> backend) {
  const auto callers = static_cast<int>(state.range(0));
  std::vector<std::string> sessions;
  sessions.reserve(static_cast<std::size_t>(callers));
  for (int caller = 0; caller < callers; ++caller) sessions.push_back(absl::StrCat("session-", caller));
  for ([[maybe_unused]] auto iteration : state) {
    absl::BlockingCounter answers(callers);
    for (const std::string& session : sessions) {
      std::vector<Commit> commits;
      commits.push_back(CommitTo(session));
      backend->Apply(std::move(commits), absl::InfiniteFuture(),
                     [&answers](const std::vector<absl::StatusOr<Applied>>& results) {
                       benchmark::DoNotOptimize(results.front().ok());
                       answers.DecrementCount();
                     });
    }
    answers.Wait();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * callers);
}

void CommitWithoutBatching(benchmark::State& state) { CommitSideBySide(state, NewMemoryBackend()); }
BENCHMARK(CommitWithoutBatching)->Arg(kFewCallers)->Arg(kManyCallers)->UseRealTime();

void CommitThroughBatching(benchmark::State& state) { CommitSideBySide(state, NewBatchingBackend(NewMemoryBackend())); }
BENCHMARK(CommitThroughBatching)->Arg(kFewCallers)->Arg(kManyCallers)->UseRealTime();

void CommitThroughCounting(benchmark::State& state) {
  CommitSideBySide(state, NewCountingBackend(NewMemoryBackend(), std::make_shared<CallCounts>()));
}
BENCHMARK(CommitThroughCounting)->Arg(kFewCallers)->Arg(kManyCallers)->UseRealTime();

const std::string& TheSession() {
  static const auto* const session = new std::string("session");
  return *session;
}

std::unique_ptr<Backend> WithOneKey(std::unique_ptr<Backend> backend, std::size_t value_bytes = kValueBytes) {
  AwaitCall<std::vector<absl::StatusOr<Applied>>>([&](auto done) {
    std::vector<Commit> commits;
    commits.push_back(CommitTo(TheSession()));
    commits.front().sets.front().value.bytes.resize(value_bytes);
    backend->Apply(std::move(commits), absl::InfiniteFuture(), std::move(done));
  });
  return backend;
}

void ReadOneKey(benchmark::State& state, Backend* backend) {
  for ([[maybe_unused]] auto iteration : state) {
    const auto results = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>([&](auto done) {
      std::vector<ReadRequest> requests(1);
      requests.front().session_id = TheSession();
      requests.front().keys.push_back(Contact());
      backend->Read(std::move(requests), absl::InfiniteFuture(), std::move(done));
    });
    if (!results.front().ok() || !results.front()->values.front().has_value()) state.SkipWithError("the key is lost");
  }
}

void ReadWithoutCache(benchmark::State& state) { ReadOneKey(state, WithOneKey(NewMemoryBackend()).get()); }
BENCHMARK(ReadWithoutCache)->UseRealTime();

void ReadThroughCounting(benchmark::State& state) {
  ReadOneKey(state, WithOneKey(NewCountingBackend(NewMemoryBackend(), std::make_shared<CallCounts>())).get());
}
BENCHMARK(ReadThroughCounting)->UseRealTime();

void ReadFromCache(benchmark::State& state) {
  static Backend* const backend = WithOneKey(NewCachingBackend(NewMemoryBackend(), kCacheBytes)).release();
  ReadOneKey(state, backend);
}
BENCHMARK(ReadFromCache)->ThreadRange(1, kManyThreads)->UseRealTime();

// A value of which a copy takes its time.
void ReadLargeValueFromCache(benchmark::State& state) {
  static Backend* const backend =
      WithOneKey(NewCachingBackend(NewMemoryBackend(), kCacheBytes), kLargeValueBytes).release();
  ReadOneKey(state, backend);
}
BENCHMARK(ReadLargeValueFromCache)->ThreadRange(1, kManyThreads)->UseRealTime();

}  // namespace
}  // namespace authstate::storage
