// authstatectl cutover check: two real databases, a server that keeps them equal, and each gate shut once.
#include <filesystem>

#include "absl/time/clock.h"
#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Minutes(1);

class CutoverCheckTest : public TablesTest {
 protected:
  // All that opens the gates.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TablesTest::SetUp());
    OnBoth(
        "CREATE TABLE clients (id int PRIMARY KEY, yclients_id int, company_id int, name text, "
        "UNIQUE (yclients_id, company_id))");
    Sql(source(), "INSERT INTO clients SELECT i, i, 1, 'client ' || i FROM generate_series(1, 100) i");
    WriteConfig(source());
    Serve();
    MustRun({"creds", "set", "sales", "{}"});
    MustRun({"keyring", "init", File("keyring"), "k"});
    MustRun({"backup", "create", File("backups"), "--keyring-file", File("keyring")});
    MustRun({"backup", "drill", File("backups"), "--keyring-file", File("keyring"), "--metrics-file",
             File("backups/drill.prom")});
    Sync();
    Verify(kOk, {"--report", File("moved.json")});
    Follow();
    std::ofstream(File("steps.toml")) << "[[step]]\nname = 'a'\nabout = 'A.'\nrun = 'true'\ncheck = 'true'\n"
                                         "undo = 'sleep 0.1'\nat_most = '1m'\n";
    Rehearse();
  }

  void WriteConfig(const std::string& supabase) const {
    std::ofstream(File("authstated.toml")) << "supabase-url = \"" << supabase << "?sslmode=disable\"\ntimeweb-url = \""
                                           << target() << "?sslmode=disable\"\n";
  }
  void Serve() {
    auto server = test::TestServer::Create({{"--backend", "supabase", "--config", File("authstated.toml")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void MustRun(std::vector<std::string> words) const {
    const CliResult result = CliRunner(server_->address()).Run(std::move(words));
    ASSERT_EQ(result.code, kOk) << result.err;
  }
  nlohmann::json Backend(const std::string& name) const {
    const nlohmann::json shown = CliRunner(server_->address()).Run({"backend", "status", "--json"}).OutJson();
    for (const nlohmann::json& backend : shown.at("backends")) {
      if (backend.at("name") == name) return backend;
    }
    return {};
  }
  void Follow() const {
    MustRun({"backend", "sync", "timeweb", "--follow"});
    const auto caught_up = [&] {
      const nlohmann::json backend = Backend("timeweb");
      return backend.contains("following") && backend.at("following").at("lag_seconds").is_number();
    };
    const absl::Time give_up = absl::Now() + kPatience;
    while (!caught_up() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(20));
    ASSERT_TRUE(caught_up());
  }
  // On two databases more, so that these count as copies.
  void Rehearse() const {
    const auto copy_of_source = source_server().NewDatabase();
    const auto copy_of_target = target_server().NewDatabase();
    ASSERT_TRUE(copy_of_source.ok() && copy_of_target.ok());
    const CliResult rehearsed =
        CliRunner("unix:/nowhere")
            .Run({"cutover", "rehearse", "--steps", File("steps.toml"), "--live", File("authstated.toml"), "--record",
                  File("rehearsal.json"), "--from", "supabase", "--to", "timeweb", "--timeout", "1s",
                  absl::StrCat("--supabase-url=", *copy_of_source, "?sslmode=disable"),
                  absl::StrCat("--timeweb-url=", *copy_of_target, "?sslmode=disable")});
    ASSERT_EQ(rehearsed.code, kOk) << rehearsed.err;
  }

  CliResult Check(const std::vector<std::string>& more = {}, bool may_connect = true) const {
    std::vector<std::string> words = {"cutover",     "check",
                                      "--steps",     File("steps.toml"),
                                      "--config",    File("authstated.toml"),
                                      "--from",      "supabase",
                                      "--to",        "timeweb",
                                      "--report",    File("moved.json"),
                                      "--rehearsal", File("rehearsal.json"),
                                      "--backups",   File("backups")};
    if (may_connect) words.insert(words.end(), {"--may-connect", "postgres/authstated"});
    words.insert(words.end(), more.begin(), more.end());
    return CliRunner(server_->address()).Run(std::move(words));
  }
  // The gates that are not open, and what each of them says: `no plan-clean: …`.
  std::vector<std::string> Shut(std::vector<std::string> more = {}, bool may_connect = true) const {
    more.emplace_back("--json");
    const CliResult result = Check(more, may_connect);
    std::vector<std::string> shut;
    const nlohmann::json answer = result.OutJson();
    if (!answer.contains("gates")) {
      ADD_FAILURE() << result.err;
      return shut;
    }
    EXPECT_EQ(answer["gates"].size(), 7U);
    for (const nlohmann::json& gate : answer["gates"]) {
      EXPECT_EQ(gate["answer"] == "yes", gate["remedy"].get<std::string>().empty()) << gate;
      if (gate["answer"] == "yes") continue;
      shut.push_back(absl::StrCat(gate["answer"].get<std::string>(), " ", gate["gate"].get<std::string>(), ": ",
                                  gate["reason"].get<std::string>()));
    }
    EXPECT_EQ(result.code, shut.empty() ? kOk : kDataLoss) << result.err;
    EXPECT_EQ(answer["go"], shut.empty());
    return shut;
  }
  // Expects this gate alone to be shut.
  static void ExpectShut(const std::vector<std::string>& shut, const std::string& how) {
    ASSERT_EQ(shut.size(), 1U) << how << testing::PrintToString(shut);
    EXPECT_THAT(shut[0], HasSubstr(how));
  }

  std::unique_ptr<test::TestServer> server_;
};

TEST_F(CutoverCheckTest, EachGateShutsByItself) {
  ASSERT_THAT(Shut(), IsEmpty());
  const CliResult go = Check();
  EXPECT_THAT(go.out, HasSubstr("backup-fresh    yes"));
  EXPECT_THAT(go.out, HasSubstr("\ngo\n"));

  ExpectShut(Shut({"--max-backup-age", "1ms"}), "no backup-fresh: ");
  ExpectShut(Shut({"--max-drill-age", "1ms"}), "no backup-drilled: a backup was restored for a trial");
  ExpectShut(Shut({"--drill-metrics", File("absent.prom")}), "no backup-drilled: there is no metrics file");
  ExpectShut(Shut({"--drill-metrics", File("steps.toml")}), "unknown backup-drilled: ");
  ExpectShut(Shut({"--needs", "clients:name"}), "no plan-clean: in the way of the tables: clients.");
  ExpectShut(Shut({"--report", File("absent.json")}), "no verified: there is no report");
  ExpectShut(Shut({"--report", File("steps.toml")}), "unknown verified: ");
  ExpectShut(Shut({"--max-lag", "1ms"}), "no backend-equal: the target has all that was written ");
  ExpectShut(Shut({}, /*may_connect=*/false), "no nobody-else: connected: supabase (127.0.0.1:");
  EXPECT_THAT(Shut({"--may-connect", "postgres"}, /*may_connect=*/false), IsEmpty());
  ExpectShut(Shut({"--way-back", "1ms"}), "no way-back: the way back took");
  ExpectShut(Shut({"--max-rehearsal-age", "1ms"}), "no way-back: the last rehearsal ended");
  ExpectShut(Shut({"--rehearsal", File("absent.json")}), "no way-back: ");
  ExpectShut(Shut({"--steps", File("keyring")}), "unknown way-back: ");
  EXPECT_THAT(Check({"--may-connect", "/psql"}).err, HasSubstr("--may-connect"));
  EXPECT_EQ(Check({"--may-connect", "/psql"}).code, kRefused);

  const CliResult no_go = Check({"--way-back", "1ms", "--max-drill-age", "1ms"});
  EXPECT_EQ(no_go.code, kDataLoss);
  EXPECT_THAT(no_go.err, HasSubstr("no go: 2 gates of 7 not open"));
  EXPECT_THAT(no_go.out, HasSubstr("do: authstatectl cutover rehearse --from supabase --to timeweb"));
  EXPECT_THAT(no_go.out, HasSubstr("no go\n"));
}

TEST_F(CutoverCheckTest, WhatHasChangedSinceShutsTheGates) {
  // A report of all tables, and another table since.
  OnBoth("CREATE TABLE staff (id int PRIMARY KEY)");
  ExpectShut(Shut(), "no verified: the report does not count: it lacks the table staff");
  OnBoth("DROP TABLE staff");
  Sql(source(), "CREATE TABLE staff (id int PRIMARY KEY)");
  EXPECT_THAT(Shut(), testing::ElementsAre(HasSubstr("no plan-clean: in the way of the tables: staff."),
                                           HasSubstr("no verified: ")));
  Sql(source(), "DROP TABLE staff; ALTER TABLE clients ADD COLUMN note text");
  Sql(target(), "ALTER TABLE clients ADD COLUMN note text");
  ExpectShut(Shut(), "no verified: the report does not count: the schema of the source has changed since");
  Verify(kOk, {"--report", File("moved.json")});
  EXPECT_THAT(Shut(), IsEmpty());
  Sql(target(), "UPDATE clients SET name = 'other' WHERE id = 1");
  Verify(kDataLoss, {"--report", File("moved.json")});
  ExpectShut(Shut(), "no verified: the report does not count: the databases differed");
  // Brought back, and so no longer of now.
  Sync();
  Verify(kOk, {"--report", File("moved.json")});
  Sync({"--reverse", "--report", File("moved.json")});
  ExpectShut(Shut(), "no verified: the report does not count: the way back was gone at ");

  Verify(kOk, {"--report", File("moved.json")});
  std::ofstream(File("steps.toml"), std::ios::app) << "# Another evening.\n";
  ExpectShut(Shut(), "no way-back: the steps have changed");
  Rehearse();
  MustRun({"backend", "sync", "timeweb"});
  ExpectShut(Shut(), "no backend-equal: the target is not kept equal");
  MustRun({"backend", "switch", "timeweb", "--sync", "--yes", "--max-pause", "30s"});
  EXPECT_THAT(Shut(), testing::ElementsAre(HasSubstr("no backup-fresh: "),
                                           HasSubstr("no backend-equal: timeweb serves the auth state")));
}

// Success had been told by 7 of 11 tables.
TEST_F(CutoverCheckTest, SevenOfElevenTablesAreNotAllOfThem) {
  std::string create;
  std::string seven = "clients";
  for (int i = 1; i <= 10; ++i) {
    absl::StrAppend(&create, "CREATE TABLE t", i, " (id int PRIMARY KEY); ");
    if (i <= 6) absl::StrAppend(&seven, ",t", i);
  }
  OnBoth(create);
  EXPECT_TRUE(Verify(kOk, {"--tables", seven, "--report", File("moved.json")})["equal"]);
  ExpectShut(Shut(),
             "no verified: the report does not count: it lacks the table t10; it lacks the table t7; it lacks the "
             "table t8; it lacks the table t9");
}

TEST_F(CutoverCheckTest, ASystemThatIsWrittenToTakesAMomentInWhichNobodyWrites) {
  Sync();
  Sql(source(), "INSERT INTO clients VALUES (1000, 1000, 1, 'after the round')");
  Verify(kDataLoss, {"--report", File("moved.json")});
  ExpectShut(Shut(), "no verified: the report does not count: the databases differed");
  EXPECT_THAT(Check().out, HasSubstr("in a moment in which nobody writes"));
  Sync();
  Verify(kOk, {"--report", File("moved.json")});
  // It was equal once today. What is written since is for the last round.
  Sql(source(),
      "INSERT INTO clients VALUES (1001, 1001, 1, 'later'); UPDATE clients SET name = 'other' WHERE id = 1; "
      "DELETE FROM clients WHERE id = 2");
  EXPECT_THAT(Shut(), IsEmpty());
}

TEST_F(CutoverCheckTest, WhatCannotBeAskedIsUnknownAndTheOthersAreLookedAt) {
  // The server is away.
  ASSERT_TRUE(server_->Kill().ok());
  const std::vector<std::string> without_server = Shut({"--timeout", "1s"});
  EXPECT_THAT(without_server, testing::ElementsAre(HasSubstr("unknown backup-fresh: the server at "),
                                                   HasSubstr("unknown backend-equal: ")));
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_NO_FATAL_FAILURE(Follow());
  ASSERT_THAT(Shut(), IsEmpty());
  // A database is away.
  WriteConfig(absl::StrCat(source(), "_gone"));
  EXPECT_THAT(Shut(), testing::ElementsAre(HasSubstr("unknown plan-clean: "), HasSubstr("unknown verified: "),
                                           HasSubstr("unknown nobody-else: ")));
  WriteConfig(source());
  // The folder of the backups is.
  EXPECT_THAT(Shut({"--backups", File("absent"), "--drill-metrics", File("backups/drill.prom")}),
              testing::ElementsAre(HasSubstr("unknown backup-fresh: ")));
  std::filesystem::create_directory(File("empty"));
  EXPECT_THAT(Shut({"--backups", File("empty")}),
              testing::ElementsAre(HasSubstr("no backup-fresh: "), HasSubstr("no backup-drilled: ")));
}

TEST_F(CutoverCheckTest, RoleWithoutRightsIsShownWhoseOtherSessionsAre) {
  OnBoth(
      "CREATE ROLE mover LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO mover; "
      "GRANT CREATE ON SCHEMA public TO mover");
  const auto as_mover = [](const std::string& url) {
    return absl::StrCat("postgresql://mover@", url.substr(url.find('@') + 1), "?sslmode=disable");
  };
  const std::vector<std::string> urls = {absl::StrCat("--supabase-url=", as_mover(source())),
                                         absl::StrCat("--timeweb-url=", as_mover(target()))};
  EXPECT_THAT(Shut(urls), IsEmpty());
  ExpectShut(Shut(urls, /*may_connect=*/false), "no nobody-else: connected: supabase (127.0.0.1:");
}

}  // namespace
}  // namespace authstate
