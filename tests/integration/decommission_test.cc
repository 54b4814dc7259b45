// authstatectl decommission: when it is quiet, what is unknown, and what is kept.
#include "tests/integration/decommission_test.h"

#include "absl/time/clock.h"

namespace authstate {
namespace {

using decommission::Quietness;
using decommission::Verdict;
using decommission::WhyAnew;
using test::TestPostgres;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(DecommissionTest, ItIsQuietOnceNobodyAskedForTheDays) {
  MakeTables();
  SampleAWeek(now_);
  const Quietness result = Judge(HalfDays());
  EXPECT_EQ(result.verdict, Verdict::kQuiet);
  EXPECT_EQ(result.since, now_ - 7 * kDay);
  EXPECT_THAT(result.asked, IsEmpty());
  // The sampler is told from others to the session.
  EXPECT_EQ(result.sessions_since, 0);
  decommission::Terms longer = HalfDays();
  longer.needed = 7 * kDay + kMinute;
  EXPECT_EQ(Judge(longer).verdict, Verdict::kUnknown);
}

TEST_F(DecommissionTest, AnEmptyDatabaseIsQuietAndNotUnknown) {
  SampleAWeek(now_);
  EXPECT_EQ(Judge(HalfDays()).verdict, Verdict::kQuiet);
}

TEST_F(DecommissionTest, AGapBeginsAnew) {
  Sample();
  Sample();
  SampleAt(now_ + absl::Minutes(6));
  const Quietness result = Judge();
  EXPECT_EQ(result.verdict, Verdict::kUnknown);
  EXPECT_EQ(result.since, now_);
  ASSERT_THAT(result.begun_anew, SizeIs(2));
  EXPECT_EQ(result.begun_anew[1].why, WhyAnew::kGap);
  decommission::Terms patient;
  patient.max_gap = absl::Minutes(6);
  EXPECT_EQ(Judge(patient).since, now_ - absl::Minutes(7));
}

TEST_F(DecommissionTest, AResetOfStatisticsBeginsAnew) {
  MakeTables();
  for (const char* const reset :
       {"SELECT pg_stat_reset()", "SELECT pg_stat_reset_single_table_counters('clients'::regclass)"}) {
    Sample();
    // Nothing of it is left to be seen.
    AskSource("SELECT * FROM clients");
    AskSource(reset);
    Sample();
    const Quietness result = Judge();
    EXPECT_EQ(result.begun_anew.back().why, WhyAnew::kReset) << reset;
    EXPECT_EQ(result.begun_anew.back().at, now_);
    EXPECT_EQ(result.since, now_);
  }
}

TEST_F(DecommissionTest, AServerThatLostItsStatisticsBeginsAnewAndOneThatKeptThemDoesNot) {
  MakeTables();
  Sample();
  const std::string since = statistics_since_;
  AskSource("SELECT * FROM clients");
  ASSERT_TRUE(source_server().Stop().ok());
  ASSERT_TRUE(source_server().Start().ok());
  Sample();
  Quietness result = Judge();
  EXPECT_EQ(statistics_since_, since);
  EXPECT_THAT(result.begun_anew, SizeIs(1));
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_THAT(TablesOf(result.asked[0]), ElementsAre("public.clients: 1 0 0 0"));

  AskSource("SELECT * FROM clients");
  ASSERT_TRUE(source_server().Kill().ok());
  ASSERT_TRUE(source_server().Start().ok());
  Sample();
  result = Judge();
  // Also where no counter is lower than before.
  EXPECT_NE(statistics_since_, since);
  ASSERT_THAT(result.begun_anew, SizeIs(2));
  EXPECT_EQ(result.begun_anew[1].why, WhyAnew::kLost);
  EXPECT_EQ(result.since, now_);
}

TEST_F(DecommissionTest, NothingSampledIsUnknownAndNoSuccess) {
  const CliResult status = RunCommand({"status"});
  EXPECT_EQ(status.code, kDataLoss);
  EXPECT_THAT(status.out, AllOf(HasSubstr("supabase is unknown"), HasSubstr("there are no samples")));
  // It made nothing there.
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'authstate_decommission'"), "0");
}

TEST_F(DecommissionTest, TheCommandsSayWhatToDoOnceItIsQuiet) {
  MakeTables();
  // Somebody who had asked before.
  now_ = absl::Now() - 8 * kDay;
  {
    HeldClient client(absl::StrCat(As(source(), "app"), "?application_name=old"));
    Sample();
  }
  AwaitNobody();
  SampleAWeek(absl::Now());
  const CliResult watched = RunCommand({"watch", "--json"});
  ASSERT_EQ(watched.code, kOk) << watched.err;
  EXPECT_EQ(watched.OutJson()["tables"], 2);
  EXPECT_EQ(watched.OutJson()["sessions"], 0);

  const CliResult quiet = RunCommand({"status", "--max-gap", "12h"});
  EXPECT_EQ(quiet.code, kOk) << quiet.out << quiet.err;
  EXPECT_THAT(quiet.out, AllOf(HasSubstr("supabase is quiet\n"), HasSubstr("as \"old\" from 127.0.0.1"),
                               HasSubstr("  ALTER ROLE \"app\" NOLOGIN;\n"), HasSubstr("  ALTER ROLE \"app\" LOGIN;\n"),
                               HasSubstr("pauses")));
  const CliResult json = RunCommand({"status", "--max-gap", "12h", "--json"});
  EXPECT_EQ(json.OutJson()["verdict"], "quiet");
  EXPECT_THAT(json.OutJson()["take_login"], ElementsAre("ALTER ROLE \"app\" NOLOGIN;"));
  EXPECT_EQ(json.OutJson()["samples"], 17);

  const CliResult asked = RunCommand({"status", "--max-gap", "12h", "--days", "9", "--json"});
  EXPECT_EQ(asked.code, kDataLoss);
  EXPECT_EQ(asked.OutJson()["verdict"], "asked");
  EXPECT_EQ(asked.OutJson()["asked"][0]["clients"][0]["role"], "app");
  EXPECT_THAT(asked.OutJson()["take_login"], IsEmpty());
  EXPECT_THAT(asked.err, HasSubstr("supabase is still asked"));
  // With gaps of at most five minutes the half days are unknown.
  const CliResult unknown = RunCommand({"status", "--json"});
  EXPECT_EQ(unknown.code, kDataLoss);
  EXPECT_EQ(unknown.OutJson()["verdict"], "unknown");
}

TEST_F(DecommissionTest, MissingRightsAreNamedAndNothingIsKept) {
  const absl::Status blind = TrySample(now_, "watcher").status();
  EXPECT_EQ(blind.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(blind.message()), HasSubstr("GRANT pg_read_all_stats TO watcher"));
  AskSource("GRANT pg_read_all_stats TO watcher");
  const absl::Status closed = TrySample(now_, "watcher").status();
  EXPECT_THAT(std::string(closed.message()),
              AllOf(HasSubstr("cannot make authstate_decommission.samples in"), HasSubstr("has not the right to")));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'authstate_decommission'"), "0");
  // What docs/decommissioning.md gives it.
  Sql(target(), "CREATE SCHEMA authstate_decommission AUTHORIZATION watcher");
  EXPECT_EQ(TrySample(now_, "watcher").status(), absl::OkStatus());
  EXPECT_EQ(TrySample(now_ + kMinute, "watcher").status(), absl::OkStatus());
  EXPECT_EQ(KeptSamples(), "2");
  // Nobody else reads who was connected.
  const absl::Status other = TestPostgres::Run(As(target(), "app"), "SELECT * FROM authstate_decommission.samples");
  EXPECT_THAT(std::string(other.message()), HasSubstr("permission denied"));
  AskSource("REVOKE pg_read_all_stats FROM watcher");
}

TEST_F(DecommissionTest, ADatabaseThatDoesNotCountIsRefused) {
  AskSource("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off', current_database()); END $$");
  const absl::Status refused = TrySample(now_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("track_counts is off"));
}

TEST_F(DecommissionTest, TheSameDatabaseIsRefusedByWhateverNameItIsReached) {
  UseTarget(absl::StrReplaceAll(source(), {{"127.0.0.1", "localhost"}}));
  const absl::Status refused = TrySample(now_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the same database"));
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'authstate_decommission'"), "0");
}

TEST_F(DecommissionTest, ServersServeTheNewDatabaseBesideTheSamples) {
  Sample();
  const std::string url = absl::StrCat("--postgres-url=", target());
  const auto server = test::TestServer::Create({{"--backend=postgres", url}, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  const CliResult verified = CliRunner("").Run({"schema", "verify", "--backend=postgres", url});
  EXPECT_EQ(verified.code, kOk) << verified.out;
  Sample();
  EXPECT_EQ(KeptSamples(), "2");
}

TEST_F(DecommissionTest, OldSamplesAreDroppedAndEqualTablesAreKeptOnceADay) {
  MakeTables();
  const absl::Time begin = now_;
  for (int half_day = 0; half_day < 8; ++half_day) ASSERT_NO_FATAL_FAILURE(SampleAt(begin + half_day * kDay / 2));
  EXPECT_EQ(Ask(target(), "SELECT count(*) || ' ' || count(tables) FROM authstate_decommission.samples"), "8 4");
  // Between a sample that refers to the one before it, and that one.
  SampleAt(begin + 91 * kDay + absl::Hours(13));
  EXPECT_EQ(Ask(target(), "SELECT count(*) || ' ' || count(tables) FROM authstate_decommission.samples"), "7 4");
  EXPECT_THAT(Judge().asked, IsEmpty());
}

TEST_F(DecommissionTest, ADatabaseThatIsAwayGivesNoSample) {
  Sample();
  ASSERT_TRUE(source_server().Stop().ok());
  EXPECT_EQ(RunCommand({"watch"}).code, kUnavailable);
  // Which is known without it.
  EXPECT_EQ(Judge().samples, 1);
  ASSERT_TRUE(source_server().Start().ok());
  EXPECT_EQ(KeptSamples(), "1");
}

}  // namespace
}  // namespace authstate
