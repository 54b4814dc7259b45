// Many sessions at home in the file of write-behind: how long a server takes to start after it was killed, what memory
// it has, and how long the flush takes after an outage. ./dev fault has 10,000 sessions of 100 kB, ./dev test has 60.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/fault/fault_test.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/process_memory.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {
namespace {

constexpr int kManySessions = 10'000;
constexpr int kFewSessions = 60;
constexpr int kKeys = 50;
constexpr std::size_t kValueBytes = 2'000;
constexpr int kWriters = 8;
constexpr absl::Duration kFlushPatience = absl::Minutes(10);
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(20);
constexpr std::size_t kMegabyte = std::size_t{1} << 20U;

std::string SessionId(int number) { return absl::StrCat("session", number); }

class ManyHomesTest : public FaultTest {
 protected:
  static int Sessions() { return FaultRounds().has_value() ? kManySessions : kFewSessions; }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartPostgres());
    ASSERT_NO_FATAL_FAILURE(
        StartServerWith({"--backend", "postgres", "--postgres-url", url(), "--write-behind", folder_.File("near.db"),
                         "--write-behind-max-bytes", "2147483648", "--drain-timeout-ms", "60000"}));
    Connect();
  }

  void Connect() {
    client::ClientOptions options;
    options.address = server().address();
    options.deadline = absl::Minutes(5);
    client_ = std::make_unique<client::Client>(std::move(options));
  }

  // Does it for every session, by some threads.
  template <typename Do>
  void ForAll(Do work) {
    std::atomic<int> next = 0;
    std::vector<std::thread> threads;
    threads.reserve(kWriters);
    for (int i = 0; i < kWriters; ++i) {
      threads.emplace_back([&] {
        for (int session = next++; session < Sessions() && !HasFailure(); session = next++) work(session);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  absl::Status Acquire(int session) {
    return client_->AcquireLease(SessionId(session), "pool", absl::Hours(1)).status();
  }

  // Sets so many keys to bytes that do not compress.
  absl::Status Set(int session, int keys, unsigned seed) {
    std::mt19937 random(seed + static_cast<unsigned>(session));
    client::CommitRequest commit;
    commit.session_id = SessionId(session);
    commit.fence = 1;
    for (int i = 0; i < keys; ++i) {
      std::string value(kValueBytes, '\0');
      std::generate(value.begin(), value.end(), [&random] { return static_cast<char>(random()); });
      commit.sets.push_back({{"session", absl::StrCat(i)}, {ValueKind::kRaw, std::move(value)}});
    }
    return client_->Commit(std::move(commit)).status();
  }

  // Every session is at this revision or a later one in the database.
  void AwaitFlushed(int revision) {
    const absl::Time limit = absl::Now() + kFlushPatience;
    std::string flushed;
    do {
      const auto answer = TestPostgres::Query(
          url(), absl::StrCat("SELECT count(*) FROM authstate.auth_sessions WHERE revision >= ", revision));
      ASSERT_TRUE(answer.ok()) << answer.status();
      flushed = *answer;
      if (flushed == absl::StrCat(Sessions())) return;
      absl::SleepFor(kBetweenLooks);
    } while (absl::Now() < limit);
    FAIL() << flushed << " sessions are at revision " << revision;
  }

  // From the start of the process to its first answer for a session at home.
  void Restart(const std::string& when) {
    ASSERT_TRUE(server().Kill().ok());
    const absl::Time start = absl::Now();
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    const absl::Duration ready = absl::Now() - start;
    Connect();
    const absl::Status set = Set(0, 1, 0);
    ASSERT_TRUE(set.ok()) << set;
    Report(absl::StrCat("killed ", when, ": ready after ", Text(ready), ", first commit after ",
                        Text(absl::Now() - start), ", ", Memory()));
  }

  static std::string Text(absl::Duration duration) {
    return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
  }
  std::string Memory() {
    const pid_t pid = server().process().pid();
    return absl::StrCat(ResidentMemory(pid) / kMegabyte, " MB resident, ", PeakMemory(pid) / kMegabyte, " MB at most");
  }

  TempDir folder_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ManyHomesTest, AreServedAtOnceAfterAKillAndFlushedAfterAnOutage) {
  absl::Time start = absl::Now();
  ForAll([this](int session) {
    const absl::Status acquired = Acquire(session);
    EXPECT_TRUE(acquired.ok()) << acquired;
    const absl::Status set = Set(session, kKeys, 1);
    EXPECT_TRUE(set.ok()) << set;
  });
  ASSERT_FALSE(HasFailure());
  const absl::Duration written = absl::Now() - start;
  ASSERT_NO_FATAL_FAILURE(AwaitFlushed(1));
  Report(absl::StrCat(Sessions(), " sessions of ", kKeys * kValueBytes, " bytes written in ", Text(written),
                      ", flushed after ", Text(absl::Now() - start), ", ", Memory(), "; the file has ",
                      std::filesystem::file_size(folder_.File("near.db")) / kMegabyte, " MB"));
  ASSERT_NO_FATAL_FAILURE(Restart("with everything flushed"));

  ASSERT_TRUE(postgres().Stop().ok());
  start = absl::Now();
  ForAll([this](int session) {
    const absl::Status set = Set(session, 1, 2);
    EXPECT_TRUE(set.ok()) << set;
  });
  ASSERT_FALSE(HasFailure());
  Report(absl::StrCat("in an outage, a commit to each in ", Text(absl::Now() - start), ", ", Memory()));
  ASSERT_NO_FATAL_FAILURE(Restart("in the outage, with everything to flush"));
  ASSERT_TRUE(postgres().Start().ok());
  start = absl::Now();
  ASSERT_NO_FATAL_FAILURE(AwaitFlushed(2));
  Report(absl::StrCat("flushed ", Text(absl::Now() - start), " after the database was back, ", Memory()));
  start = absl::Now();
  const auto ended = server().Terminate();
  ASSERT_TRUE(ended.ok()) << ended.status();
  const auto homes =
      TestPostgres::Query(url(), "SELECT count(*) FROM authstate.auth_sessions WHERE lease_owner LIKE 'home:%'");
  ASSERT_TRUE(homes.ok()) << homes.status();
  EXPECT_EQ(*homes, "0");
  Report(absl::StrCat("stopped, and everything given back, in ", Text(absl::Now() - start)));
}

}  // namespace
}  // namespace authstate::test
