// authstatectl decommission: who asks a database that is to be given up, and what is no asking.
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "tests/integration/decommission_test.h"

namespace authstate {
namespace {

using decommission::Quietness;
using decommission::Verdict;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// What the newest PostgreSQL counts, and shows of who is connected; the others ask the one of the distribution.
class DecommissionAskedTest : public DecommissionTest {
 protected:
  static void SetUpTestSuite() { StartServersAndRoles(/*newest_is_source=*/true); }
};

TEST_F(DecommissionAskedTest, AClientThatReadsIsNamedWithRoleApplicationAndTable) {
  MakeTables();
  Sample();
  HeldClient client(absl::StrCat(As(source(), "app"), "?application_name=reminders"));
  client.Ask("SELECT * FROM clients WHERE name = 'a'");
  Sample();
  const Quietness result = Judge();
  EXPECT_EQ(result.verdict, Verdict::kAsked);
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_EQ(result.asked[0].after, now_ - kMinute);
  EXPECT_EQ(result.asked[0].until, now_);
  EXPECT_THAT(TablesOf(result.asked[0]), ElementsAre("public.clients: 1 0 0 0"));
  EXPECT_THAT(ClientsOf(result.asked[0]), ElementsAre("app/reminders 127.0.0.1 1 active"));
  EXPECT_THAT(result.roles, ElementsAre("app"));
  EXPECT_EQ(result.since, now_);
}

TEST_F(DecommissionAskedTest, AClientThatIsOnlyConnectedIsNamedToo) {
  Sample();
  HeldClient client(absl::StrCat(As(source(), "app"), "?application_name=pool"));
  Sample();
  EXPECT_EQ(Judge().verdict, Verdict::kAsked);
  decommission::Terms terms;
  terms.may_connect = {"app/pool"};
  EXPECT_EQ(Judge(terms).verdict, Verdict::kUnknown);
}

TEST_F(DecommissionAskedTest, AnotherThatSamplesIsNoClient) {
  MakeTables();
  Sample();
  HeldClient sampler(absl::StrCat(source(), "?application_name=authstatectl%20decommission"));
  Sample();
  EXPECT_THAT(Judge().asked, IsEmpty());
}

TEST_F(DecommissionAskedTest, AWriterIsNamedWithWhatItWrote) {
  MakeTables();
  Sample();
  HeldClient client(absl::StrCat(As(source(), "app"), "?application_name=bookings"));
  client.Ask(
      "INSERT INTO visits VALUES (1), (2); UPDATE clients SET name = 'c' WHERE id = 1; "
      "DELETE FROM clients WHERE id = 2");
  Sample();
  const Quietness result = Judge();
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_THAT(TablesOf(result.asked[0]), ElementsAre("public.clients: 2 0 1 1", "public.visits: 0 2 0 0"));
  EXPECT_THAT(ClientsOf(result.asked[0]), ElementsAre("app/bookings 127.0.0.1 1 active"));
}

TEST_F(DecommissionAskedTest, AConnectionBetweenTwoSamplesIsSeenByTheTableThatItAsked) {
  MakeTables();
  Sample();
  AskSource("SELECT * FROM clients");
  Sample();
  const Quietness result = Judge();
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_THAT(TablesOf(result.asked[0]), ElementsAre("public.clients: 1 0 0 0"));
  EXPECT_THAT(result.asked[0].clients, IsEmpty());
  const CliResult status = RunCommand({"status"});
  EXPECT_EQ(status.code, kDataLoss);
  EXPECT_THAT(status.out, AllOf(HasSubstr("public.clients: 1 read\n"), HasSubstr("by whom is unknown")));
  AskSource("INSERT INTO visits VALUES (1)");
  Sample();
  EXPECT_THAT(RunCommand({"status", "--listed", "1"}).out,
              AllOf(HasSubstr("asked 1 time before what is listed\n"), HasSubstr("public.visits: 1 insert\n"),
                    Not(HasSubstr("public.clients"))));
}

TEST_F(DecommissionAskedTest, TheMetricsTellOfWhoAskedWithinAQuarterOfAnHour) {
  MakeTables();
  const absl::Time begin = absl::Now() - absl::Minutes(20);
  {
    HeldClient client(absl::StrCat(As(source(), "app"), "?application_name=old"));
    ASSERT_NO_FATAL_FAILURE(SampleAt(begin));
  }
  AwaitNobody();
  const std::string path = File("watch.prom");
  const auto watch = [&](std::vector<std::string> terms) {
    terms.insert(terms.begin(), {"watch", "--metrics-file", path});
    const CliResult watched = RunCommand(std::move(terms));
    EXPECT_EQ(watched.code, kOk) << watched.err;
    const CliResult linted = CliRunner("").Bash("promtool check metrics <" + path);
    EXPECT_EQ(linted.code, 0) << linted.out << linted.err;
    std::ostringstream metrics;
    metrics << std::ifstream(path).rdbuf();
    return metrics.str();
  };
  EXPECT_THAT(watch({}), HasSubstr("\nauthstate_decommission_asked{database=\"supabase\"} 0\n"));
  AskSource("SELECT * FROM clients");
  EXPECT_THAT(watch({}),
              AllOf(HasSubstr("\nauthstate_decommission_asked{database=\"supabase\"} 1\n"),
                    HasSubstr("\nauthstate_decommission_last_sample_timestamp_seconds{database=\"supabase\"} ")));
  // It is told for longer than until the next sample.
  EXPECT_THAT(watch({}), HasSubstr("\nauthstate_decommission_asked{database=\"supabase\"} 1\n"));
  EXPECT_THAT(watch({"--ignore-schemas", "public"}),
              HasSubstr("\nauthstate_decommission_asked{database=\"supabase\"} 0\n"));
}

TEST_F(DecommissionAskedTest, WhatChangesTablesWithoutReadingThemIsSeen) {
  MakeTables();
  Sample();
  AskSource("TRUNCATE visits; DROP TABLE clients; CREATE TABLE notes (id int)");
  Sample();
  const Quietness result = Judge();
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_THAT(TablesOf(result.asked[0]), ElementsAre("public.clients: 0 0 0 0 dropped", "public.notes: 0 0 0 0 made",
                                                     "public.visits: 0 0 0 0 rewritten"));
}

TEST_F(DecommissionAskedTest, WhatTheDatabaseDoesByItselfAndWhoAsksTheCatalogueAsksNoTable) {
  MakeTables();
  Sample();
  AskSource("VACUUM ANALYZE clients");
  AskSource("SELECT count(*) FROM pg_class");
  Sample();
  const Quietness result = Judge();
  EXPECT_THAT(result.asked, IsEmpty());
  EXPECT_EQ(result.sessions_since, 2);
}

}  // namespace
}  // namespace authstate
