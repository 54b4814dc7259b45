// Random calls, the same to a bare store in memory and to one under the decorators: the answers must be the same.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "storage/await_call.h"
#include "storage/batches/work_queue.h"
#include "storage/decorators/batching_backend.h"
#include "storage/decorators/caching_backend.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {
namespace {

constexpr int kSessions = 6;
constexpr int kSteps = 1'500;
constexpr int kKeys = 5;

// A store in memory that works on threads of its own, as databases do.
class ThreadedStore final : public ForwardingBackend {
 public:
  ThreadedStore() : ForwardingBackend(NewMemoryBackend()), work_(SIZE_MAX) {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~ThreadedStore() override {
    work_.Close();
    for (std::thread& thread : threads_) thread.join();
  }
  ThreadedStore(const ThreadedStore&) = delete;
  ThreadedStore& operator=(const ThreadedStore&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    Add([this, commits = std::move(commits), deadline, done = std::move(done)]() mutable {
      inner().Apply(std::move(commits), deadline, std::move(done));
    });
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    Add([this, requests = std::move(requests), deadline, done = std::move(done)]() mutable {
      inner().Read(std::move(requests), deadline, std::move(done));
    });
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    Add([this, requests = std::move(requests), deadline, done = std::move(done)]() mutable {
      inner().Leases(std::move(requests), deadline, std::move(done));
    });
  }

 private:
  using Work = absl::AnyInvocable<void() &&>;

  void Add(Work work) { (void)work_.TryPush(work); }
  void Run() {
    for (auto batch = work_.PopBatch(1); !batch.empty(); batch = work_.PopBatch(1)) std::move(batch.front())();
  }

  WorkQueue<Work> work_;
  std::vector<std::thread> threads_;
};

// Answers in words, to be compared.
std::string Words(const absl::Status& status) {
  return absl::StrCat(status.ToString(absl::StatusToStringMode::kWithNoExtraData), " ",
                      ReasonOf(status).value_or("no reason"), ", revision ", RevisionOf(status).value_or(0), ", fence ",
                      FenceOf(status).value_or(0), OutcomeOf(status) == Outcome::kNotApplied ? "" : ", in doubt");
}
std::string Words(const std::optional<Value>& value) { return value.has_value() ? value->bytes : "-"; }
std::string Words(const absl::StatusOr<Applied>& result) {
  return result.ok() ? absl::StrCat("revision ", result->revision) : Words(result.status());
}
std::string Words(const absl::StatusOr<LeaseResult>& result) {
  if (!result.ok()) return Words(result.status());
  return absl::StrCat("owner ", result->lease.owner, ", fence ", result->lease.fence, ", revision ", result->revision,
                      ", number ", result->applied_number);
}
std::string Words(const absl::StatusOr<ReadResult>& result) {
  if (!result.ok()) return Words(result.status());
  std::string words = absl::StrCat(result->exists ? "exists" : "does not exist", ", revision ", result->revision,
                                   ", creds ", Words(result->creds));
  for (const auto& value : result->values) absl::StrAppend(&words, ", ", Words(value));
  return words;
}
template <typename Result>
std::string Words(const std::vector<absl::StatusOr<Result>>& results) {
  std::string words;
  for (const auto& result : results) absl::StrAppend(&words, Words(result), "; ");
  return words;
}

// What somebody does to one session.
class RandomCaller {
 public:
  RandomCaller(std::string session_id, unsigned seed) : session_id_(std::move(session_id)), random_(seed) {}

  // The same call to both; what they answer, in words.
  std::pair<std::string, std::string> Step(Backend& one, Backend& other) {
    const int choice = Below(10);
    if (choice < 4) {
      const std::vector<ReadRequest> requests = {Read(), Read()};
      const auto call = [&requests](Backend& backend) {
        return Words(AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
            [&](auto done) { backend.Read(requests, absl::InfiniteFuture(), std::move(done)); }));
      };
      return {call(one), call(other)};
    }
    if (choice < 9) {
      std::vector<Commit> commits = {NextCommit()};
      if (Below(4) == 0) commits.push_back(NextCommit());
      const auto call = [&commits](Backend& backend) {
        return Words(AwaitCall<std::vector<absl::StatusOr<Applied>>>(
            [&](auto done) { backend.Apply(commits, absl::InfiniteFuture(), std::move(done)); }));
      };
      return {call(one), call(other)};
    }
    const LeaseRequest request = Lease();
    const auto call = [&request, this](Backend& backend) {
      const auto results = AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
          [&](auto done) { backend.Leases({request}, absl::InfiniteFuture(), std::move(done)); });
      if (results[0].ok()) fence_ = results[0]->lease.fence;
      return Words(results);
    };
    return {call(one), call(other)};
  }

  ReadRequest Read() {
    ReadRequest request;
    request.session_id = session_id_;
    request.want_creds = Below(2) == 0;
    for (int i = Below(3); i > 0; --i) request.keys.push_back(Key());
    if (Below(8) == 0) request.max_bytes = 4;
    request.fence = Fence();
    return request;
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  KeyName Key() { return {"t", absl::StrCat(Below(kKeys))}; }
  Value NextValue() { return {ValueKind::kRaw, absl::StrCat(++values_)}; }
  // Mostly the current one, sometimes none or a stale one.
  std::uint64_t Fence() {
    const int choice = Below(6);
    if (choice == 0) return 0;
    return choice == 1 && fence_ > 1 ? fence_ - 1 : fence_;
  }

  Commit NextCommit() {
    if (Below(10) == 0 && last_.has_value()) return *last_;
    Commit commit;
    commit.session_id = session_id_;
    commit.id = ++ids_;
    commit.fence = Fence();
    if (Below(10) == 0) commit.expected_revision = static_cast<std::uint64_t>(Below(100));
    const int action = Below(20);
    if (action == 0) commit.action = Commit::Action::kDeleteSession;
    if (action == 1) commit.action = Commit::Action::kDeleteCreds;
    if (commit.action == Commit::Action::kWrite) {
      if (Below(3) == 0) commit.creds = NextValue();
      commit.clear_keys = Below(15) == 0;
      for (int i = Below(3); i > 0; --i) commit.sets.push_back({Key(), NextValue()});
      for (int i = Below(2); i > 0; --i) commit.deletes.push_back(Key());
    }
    last_ = commit;
    return commit;
  }

  LeaseRequest Lease() {
    LeaseRequest request;
    request.session_id = session_id_;
    request.action = static_cast<LeaseRequest::Action>(Below(4));
    request.owner = Below(2) == 0 ? "x" : "y";
    request.ttl = absl::Hours(1);
    request.steal = Below(2) == 0;
    request.fence = Fence();
    return request;
  }

  const std::string session_id_;
  std::mt19937 random_;
  std::uint64_t fence_ = 0;
  std::uint64_t ids_ = 0;
  int values_ = 0;
  std::optional<Commit> last_;
};

// Each session has one caller, whose answers are known; others read all sessions meanwhile, and so fill the cache at
// the worst of times.
TEST(RandomHistoryTest, DecoratedStoreAnswersLikeABareOne) {
  const std::unique_ptr<Backend> bare = NewMemoryBackend();
  BatchingOptions batching;
  batching.limits.calls = 1;
  // Small enough to drop sessions all the time.
  const std::unique_ptr<Backend> decorated =
      NewCachingBackend(NewBatchingBackend(std::make_unique<ThreadedStore>(), batching), 5'000);
  std::vector<std::thread> callers;
  std::atomic<int> at_work = kSessions;
  for (unsigned session = 0; session < kSessions; ++session) {
    callers.emplace_back([&, session] {
      RandomCaller caller(absl::StrCat("s", session), session);
      for (int step = 0; step < kSteps; ++step) {
        const auto [expected, actual] = caller.Step(*bare, *decorated);
        EXPECT_EQ(expected, actual) << "session " << session << ", step " << step;
        if (expected != actual) break;
      }
      --at_work;
    });
  }
  for (unsigned reader = 0; reader < 2; ++reader) {
    callers.emplace_back([&, reader] {
      std::vector<RandomCaller> readers;
      readers.reserve(kSessions);
      for (int session = 0; session < kSessions; ++session) readers.emplace_back(absl::StrCat("s", session), reader);
      while (at_work > 0) {
        std::vector<ReadRequest> requests;
        requests.reserve(readers.size());
        for (RandomCaller& caller : readers) requests.push_back(caller.Read());
        (void)AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
            [&](auto done) { decorated->Read(std::move(requests), absl::InfiniteFuture(), std::move(done)); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace authstate::storage
