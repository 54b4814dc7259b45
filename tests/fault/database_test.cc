// What happens to PostgreSQL itself while authstated uses it.
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/fault/fault_test.h"
#include "tests/support/machine.h"

namespace authstate::test {
namespace {

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadlineExceeded = absl::StatusCode::kDeadlineExceeded;
constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

class DatabaseFaultTest : public FaultTest {
 protected:
  // A client none of whose calls is tried again.
  client::Client NewClient() {
    client::ClientOptions options;
    options.address = server().address();
    options.patience = absl::ZeroDuration();
    return client::Client(options);
  }

  // Its value is of bytes that no compression makes fewer.
  static client::CommitRequest LargeCommit(int number) {
    std::string value(100'000, '\0');
    std::minstd_rand random(static_cast<std::uint32_t>(number) + 1);
    std::generate(value.begin(), value.end(), [&random] { return static_cast<char>(random() >> 8U); });
    client::CommitRequest commit;
    commit.session_id = "large";
    commit.sets = {{{"session", absl::StrCat(number)}, {ValueKind::kRaw, std::move(value)}}};
    return commit;
  }

  // The URL of the database, through the proxy, for another role.
  std::string UrlFor(const std::string& role) const {
    return absl::StrReplaceAll(proxied_url(), {{"//postgres@", absl::StrCat("//", role, "@")}});
  }
};

TEST_F(DatabaseFaultTest, RestartsAndCrashesUnderLoadLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(2); ++i) {
    const absl::Status ended = i % 2 == 0 ? postgres().Kill() : postgres().Stop();
    ASSERT_TRUE(ended.ok()) << ended;
    AwaitHealth(false);
    load().AwaitFailed(1);
    const absl::Status started = postgres().Start();
    ASSERT_TRUE(started.ok()) << started;
    AwaitHealth(true);
    load().AwaitAcknowledged(1);
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

TEST_F(DatabaseFaultTest, TerminatedConnectionsUnderLoadLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(8); ++i) {
    TerminateConnections();
    load().AwaitAcknowledged(1);
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

TEST_F(DatabaseFaultTest, ConnectionLimitIsAnOutageAndNoMore) {
  ASSERT_NO_FATAL_FAILURE(StartPostgres());
  Sql("CREATE ROLE service LOGIN; GRANT CREATE ON SCHEMA public TO service");
  Sql(absl::StrCat("GRANT ALL ON DATABASE ", url().substr(url().rfind('/') + 1), " TO service"));
  ASSERT_NO_FATAL_FAILURE(StartServer(UrlFor("service")));
  StartLoad();

  // Fewer connections than the service would like: slower, and no worse.
  Sql("ALTER ROLE service CONNECTION LIMIT 2");
  TerminateConnections();
  load().AwaitAcknowledged(1);

  Sql("ALTER ROLE service CONNECTION LIMIT 0");
  TerminateConnections();
  AwaitHealth(false);
  load().AwaitFailed(1);

  Sql("ALTER ROLE service CONNECTION LIMIT -1");
  ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
}

TEST_F(DatabaseFaultTest, FullDiskRefusesWritesAloneAndEndsByItself) {
  if (!test::MachineCanMount()) GTEST_SKIP() << "a small disk cannot be mounted here";
  constexpr int kMegabytes = 40;
  TestPostgres::Options options;
  options.small_disk_megabytes = kMegabytes;
  ASSERT_NO_FATAL_FAILURE(StartPostgres(options));
  ASSERT_NO_FATAL_FAILURE(StartServer());
  client::Client client = NewClient();
  ASSERT_TRUE(client.Commit(LargeCommit(0)).ok());

  const absl::Status filled = postgres().FillDisk();
  ASSERT_TRUE(filled.ok()) << filled;
  // What fits into pages that are there already may still come through.
  absl::Status refused;
  int number = 1;
  for (; refused.ok() && number < kMegabytes; ++number) refused = client.Commit(LargeCommit(number)).status();
  EXPECT_EQ(refused.code(), kResourceExhausted) << refused;
  EXPECT_EQ(client::ReasonOf(refused), "DISK_FULL");
  EXPECT_EQ(client::OutcomeOf(refused), client::Outcome::kNotApplied);
  EXPECT_TRUE(client::RetryDelayOf(refused).has_value());

  const auto keys = client.GetKeys("large", {{"session", "0"}, {"session", absl::StrCat(number - 1)}});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->found.size(), 1U);
  EXPECT_EQ(keys->absent.size(), 1U);
  AwaitHealth(true);

  const absl::Status emptied = postgres().EmptyDisk();
  ASSERT_TRUE(emptied.ok()) << emptied;
  const auto applied = client.Commit(LargeCommit(number - 1));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(*applied, static_cast<std::uint64_t>(number));
}

TEST_F(DatabaseFaultTest, DatabaseThatTurnsReadOnlyIsAnOutageUntilItTakesWrites) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  const std::string database = url().substr(url().rfind('/') + 1);
  // Connections that are there go on; those made from now on cannot write.
  Sql(absl::StrCat("ALTER DATABASE ", database, " SET default_transaction_read_only = on"));
  TerminateConnections();
  AwaitHealth(false);
  load().AwaitFailed(1);
  const absl::Status writable = TestPostgres::Run(
      postgres().url(), absl::StrCat("ALTER DATABASE ", database, " RESET default_transaction_read_only"));
  ASSERT_TRUE(writable.ok()) << writable;
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

// The connections stay, and the server says 25006 to each statement: what a failover looks like that demotes in place.
TEST_F(DatabaseFaultTest, WritesRefusedOnLiveConnectionsAreNotApplied) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  const absl::Status made_so =
      TestPostgres::Run(postgres().url(), "ALTER SYSTEM SET default_transaction_read_only = on");
  ASSERT_TRUE(made_so.ok()) << made_so;
  const absl::Status told = TestPostgres::Run(postgres().url(), "SELECT pg_reload_conf()");
  ASSERT_TRUE(told.ok()) << told;
  load().AwaitFailed(1);
  // The setting would hold for these statements too.
  const std::string writing = absl::StrCat(postgres().url(), "?options=-c%20default_transaction_read_only%3Doff");
  for (const char* sql : {"ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"}) {
    const absl::Status run = TestPostgres::Run(writing, sql);
    ASSERT_TRUE(run.ok()) << sql << ": " << run;
  }
  load().AwaitAcknowledged(1);
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
  EXPECT_GT(load().tally().not_applied, 0U);
}

}  // namespace
}  // namespace authstate::test
