// authstatectl tables sync, with one of the three that take part killed at random moments: run again, it ends equal.
#include <atomic>
#include <csignal>
#include <cstdint>
#include <optional>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "tests/integration/tables_test.h"
#include "tests/support/fault_rounds.h"

namespace authstate {
namespace {

// In ./dev test, and for each round of ./dev fault, which plays 5.
constexpr int kMoments = 3;
constexpr int kMomentsOfRound = 40;
// Where others write meanwhile, of which each takes several times as long.
constexpr int kMomentsOfRoundUnderTraffic = 10;
// Fewer than a sync takes to mend a disorder.
constexpr int kTransactions = 150;

class TablesKillTest : public TablesTest {
 protected:
  void SetUp() override {
    TablesTest::SetUp();
    OnBoth("CREATE TABLE a (id serial PRIMARY KEY, body text); CREATE TABLE b (id text PRIMARY KEY, n int UNIQUE)");
    Sql(source(),
        "INSERT INTO a (body) SELECT md5(i::text) FROM generate_series(1, 20000) i; "
        "INSERT INTO b SELECT 'k' || i, i FROM generate_series(1, 10000) i");
  }

  // Much to do, of every kind: what is missing, what is extra, what differs, values that rows exchange.
  void Disorder() const {
    Sql(target(),
        "DELETE FROM a WHERE id % 3 = 0; UPDATE a SET body = '' WHERE id % 7 = 1; "
        "INSERT INTO a SELECT i, 'extra' FROM generate_series(100000, 102000) i ON CONFLICT DO NOTHING; "
        "DELETE FROM b; INSERT INTO b SELECT 'k' || i, 10001 - i FROM generate_series(1, 3000) i");
  }

  std::int64_t Transactions() const {
    std::int64_t id = 0;
    (void)absl::SimpleAtoi(Ask(target(), "SELECT pg_snapshot_xmax(pg_current_snapshot())"), &id);
    return id;
  }

  void ExpectSame() {
    for (const char* const table : {"a", "b"}) {
      EXPECT_EQ(Contents(source(), table, "id"), Contents(target(), table, "id")) << table;
    }
  }

  // Kills one of the three at random moments of a sync, each time of another one, and lets it be run again.
  void KillAbout(bool under_traffic) {
    std::minstd_rand random(7);
    int interrupted = 0;
    const std::optional<int> rounds = test::FaultRounds();
    const int of_round = under_traffic ? kMomentsOfRoundUnderTraffic : kMomentsOfRound;
    const int moments = rounds.has_value() ? *rounds * of_round : kMoments;
    for (int i = 0; i < moments; ++i) {
      Disorder();
      const std::int64_t until = Transactions() + static_cast<std::int64_t>(random() % kTransactions);
      const auto process = Start({"sync", "--patience", "30s"});
      ASSERT_NE(process, nullptr);
      // The work's own progress is the clock: so many transactions of the target.
      while (process->running() && Transactions() < until) {
      }
      switch (i % 3) {
        case 0:
          process->Signal(SIGKILL);
          break;
        case 1:
          ASSERT_TRUE(target_server().Kill().ok());
          ASSERT_TRUE(target_server().Start().ok());
          break;
        default:
          ASSERT_TRUE(source_server().Kill().ok());
          ASSERT_TRUE(source_server().Start().ok());
      }
      const auto exit = process->Wait(absl::Minutes(2));
      ASSERT_TRUE(exit.ok()) << exit.status();
      interrupted += exit->signal.has_value() ? 1 : 0;
      // What a server does to it, it waits out. What others write meanwhile may be left for the next time.
      if (exit->signal.has_value()) continue;
      if (under_traffic && exit->code == kDataLoss) continue;
      EXPECT_EQ(exit->code, kOk) << process->output(test::Subprocess::Stream::kStderr);
    }
    EXPECT_GT(interrupted, 0);
  }
};

TEST_F(TablesKillTest, KilledAnywhereItIsRunAgainAndEndsEqual) {
  // What is missing as a whole goes over in few transactions.
  Sync();
  ASSERT_NO_FATAL_FAILURE(KillAbout(/*under_traffic=*/false));
  EXPECT_TRUE(Sync()["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
  ExpectSame();
  Sql(target(), "INSERT INTO a (body) VALUES ('next')");
  // Past what was extra, for it had been given out as far as anybody can tell.
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM a WHERE body = 'next' AND id > 20000"), "1");
}

TEST_F(TablesKillTest, KilledAnywhereUnderTrafficItEndsEqualOnceThatStops) {
  Sync();
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const std::vector<std::string> deeds = {
        "INSERT INTO a (body) SELECT 'new' FROM generate_series(1, 20)",
        "UPDATE a SET body = body || '.' WHERE id % 997 = (random() * 996)::int",
        "DELETE FROM a WHERE id % 997 = (random() * 996)::int",
        "UPDATE a SET id = nextval('a_id_seq') WHERE id % 997 = (random() * 996)::int",
        "INSERT INTO b SELECT 'new' || n, -n FROM (SELECT (random() * 1e9)::int AS n) one ON CONFLICT DO NOTHING",
        "UPDATE b SET n = -n WHERE n % 499 = (random() * 498)::int",
        "BEGIN; DELETE FROM b WHERE n < 0; INSERT INTO a (body) VALUES ('late'); SELECT pg_sleep(0.1); COMMIT"};
    std::minstd_rand random(1);
    // Also while the source is away: what fails was not written.
    while (!stop) (void)test::TestPostgres::Run(source(), deeds[random() % deeds.size()]);
  });
  KillAbout(/*under_traffic=*/true);
  stop = true;
  writer.join();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(Sync()["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
  ExpectSame();
}

}  // namespace
}  // namespace authstate
