#include "server/metrics/session_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::server {
namespace {

using storage::Commit;

// A store whose lists a test lets fail.
class Listed final : public storage::ForwardingBackend {
 public:
  explicit Listed(std::unique_ptr<storage::Backend> inner) : ForwardingBackend(std::move(inner)) {}

  void List(storage::ListRequest request, absl::Time deadline, ListDone done) override {
    ++lists;
    if (lists == failing_list) return std::move(done)(absl::UnavailableError("away"));
    if (request.limit > most_in_time) return std::move(done)(absl::DeadlineExceededError("slow"));
    listed_at_once = request.limit;
    inner().List(std::move(request), deadline, std::move(done));
  }

  int lists = 0;
  int failing_list = 0;
  std::atomic<std::size_t> most_in_time = 1'000;
  // The limit of the last page that was listed in time.
  std::atomic<std::size_t> listed_at_once = 0;
};

class SessionSamplerTest : public testing::Test {
 protected:
  void Write(const std::string& session_id, bool creds, int keys, const std::string& text = "{}") {
    Commit commit;
    commit.session_id = session_id;
    if (creds) commit.creds = Value{ValueKind::kJson, text};
    for (int i = 0; i < keys; ++i) commit.sets.push_back({{"t", absl::StrCat(i)}, Value{ValueKind::kRaw, "v"}});
    storage::AwaitCall<std::vector<absl::StatusOr<storage::Applied>>>(
        [&](auto done) { store_.Apply({std::move(commit)}, absl::InfiniteFuture(), std::move(done)); });
  }
  void Lease(const std::string& session_id) {
    storage::LeaseRequest request;
    request.action = storage::LeaseRequest::Action::kAcquire;
    request.session_id = session_id;
    request.owner = "o";
    request.ttl = absl::Hours(1);
    storage::AwaitCall<std::vector<absl::StatusOr<storage::LeaseResult>>>(
        [&](auto done) { store_.Leases({std::move(request)}, absl::InfiniteFuture(), std::move(done)); });
  }

  static SessionSampler::Counts Await(const SessionSampler& sampler,
                                      const std::function<bool(const SessionSampler::Counts&)>& condition) {
    SessionSampler::Counts counts = sampler.counts();
    for (const absl::Time end = absl::Now() + absl::Seconds(60); !condition(counts) && absl::Now() < end;) {
      absl::SleepFor(absl::Milliseconds(1));
      counts = sampler.counts();
    }
    return counts;
  }

  Listed store_{storage::NewMemoryBackend()};
  storage::DeadlineTimer timer_;
};

TEST_F(SessionSamplerTest, CountsAllSessionsPageByPage) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("s", i), i % 2 == 0, 3);
  Lease("s1");
  const SessionSampler sampler(&store_, timer_, {/*page=*/4, /*pause=*/absl::Hours(1)});
  const auto counts = Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  EXPECT_EQ(counts.sessions, 10);
  EXPECT_EQ(counts.without_creds, 5);
  EXPECT_EQ(counts.keys, 30);
  EXPECT_EQ(counts.leased, 1);
  EXPECT_GT(counts.bytes, 0);
}

TEST_F(SessionSamplerTest, TellsHowManySessionsAreInEachState) {
  Write("orphaned", false, 1);
  Write("paired", true, 1, R"({"account":{},"me":{"id":"1:2@s.whatsapp.net"}})");
  Write("half-1", true, 1, R"({"me":{"id":"1:2@s.whatsapp.net"}})");
  Write("half-2", true, 1, R"({"me":{"id":"1:2@s.whatsapp.net"}})");
  const SessionSampler sampler(&store_, timer_, {/*page=*/2, /*pause=*/absl::Hours(1)});
  const auto counts = Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  const auto in = [&counts](SessionState state) { return counts.states.at(static_cast<std::size_t>(state) - 1); };
  EXPECT_EQ(counts.looked_at, 3);
  EXPECT_EQ(in(SessionState::kPaired), 1);
  EXPECT_EQ(in(SessionState::kHalfPaired), 2);
  EXPECT_EQ(counts.without_creds, 1);
  EXPECT_EQ(counts.idle, 0);
}

TEST_F(SessionSamplerTest, OfManySessionsItReadsNoMoreThanSoManyAndEachTimeOthers) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("s", i), true, 1);
  Write("s3", true, 1, "null");
  const SessionSampler sampler(&store_, timer_, {/*page=*/4, /*pause=*/absl::ZeroDuration(), /*states=*/4});
  // The first listing looks at four, later ones at three or four, and one of those may be seen first.
  const auto first = Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  EXPECT_THAT(first.looked_at, ::testing::AnyOf(3, 4));
  // Every third one is looked at, so that each comes to its turn.
  const auto found = [](const auto& seen) {
    return seen.states.at(static_cast<std::size_t>(SessionState::kDamaged) - 1);
  };
  const auto without = Await(sampler, [&](const auto& seen) { return found(seen) == 0; });
  EXPECT_EQ(found(without), 0);
  const auto with =
      Await(sampler, [&](const auto& seen) { return found(seen) == 1 && *seen.listed > *without.listed; });
  EXPECT_EQ(found(with), 1);
  EXPECT_LE(with.looked_at, 4);
  EXPECT_EQ(with.sessions, 10);
}

TEST_F(SessionSamplerTest, AListThatFailsIsBegunAnewAndTheFormerOneStands) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("s", i), true, 1);
  // The second page of the second time.
  store_.failing_list = 5;
  const SessionSampler sampler(&store_, timer_, {/*page=*/4, /*pause=*/absl::ZeroDuration()});
  const auto first = Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  EXPECT_EQ(first.sessions, 10);
  const auto later = Await(sampler, [&](const auto& seen) { return *seen.listed != *first.listed; });
  EXPECT_EQ(later.sessions, 10);
}

// Also where no page of the first size is ever listed in time: else nobody would ever know how many there are.
TEST_F(SessionSamplerTest, APageThatTakesTooLongIsAskedForInParts) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("s", i), true, 1);
  store_.most_in_time = 3;
  const SessionSampler sampler(&store_, timer_, {/*page=*/8, /*pause=*/absl::Hours(1)});
  const auto counts = Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  EXPECT_EQ(counts.sessions, 10);
}

// A lock on the tables makes pages late, and so small; once it is gone they need not stay so.
TEST_F(SessionSamplerTest, PagesGrowAgainOnceTheyAreListedInTime) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("s", i), true, 1);
  store_.most_in_time = 1;
  const SessionSampler sampler(&store_, timer_, {/*page=*/8, /*pause=*/absl::ZeroDuration()});
  Await(sampler, [](const auto& seen) { return seen.listed.has_value(); });
  EXPECT_EQ(store_.listed_at_once, 1);
  store_.most_in_time = 8;
  Await(sampler, [this](const auto& /*seen*/) { return store_.listed_at_once == 8; });
  EXPECT_EQ(store_.listed_at_once, 8);
}

}  // namespace
}  // namespace authstate::server
