// authstatectl cutover rehearse: small steps of the shell, with real databases that are not to be touched beside it.
#include <csignal>
#include <filesystem>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Minutes(1);

struct TestStep {
  std::string name;
  std::string run;
  std::string check;
  std::string undo;
  std::string at_most = "1m";
};

// The test's databases are the copies; two more are live.
class CutoverRehearseTest : public TablesTest {
 protected:
  static void SetUpTestSuite() {
    TablesTest::SetUpTestSuite();
    auto server = test::TestServer::Create({{"--sqlite-path", store_->File("store.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static void TearDownTestSuite() {
    server_.reset();
    TablesTest::TearDownTestSuite();
  }
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TablesTest::SetUp());
    const auto live_source = source_server().NewDatabase();
    const auto live_target = target_server().NewDatabase();
    ASSERT_TRUE(live_source.ok() && live_target.ok());
    live_source_ = *live_source;
    live_target_ = *live_target;
    WriteConfig("rehearsal.toml", source(), target());
    WriteConfig("live.toml", live_source_, live_target_);
  }

  void WriteConfig(const std::string& name, const std::string& supabase, const std::string& timeweb) const {
    std::ofstream(File(name)) << "supabase-url = \"" << supabase << "?sslmode=disable\"\ntimeweb-url = \"" << timeweb
                              << "?sslmode=disable\"\n";
  }
  // Commands are run in the test's folder.
  void WriteSteps(const std::vector<TestStep>& steps) const {
    std::ofstream file(File("steps.toml"));
    for (const TestStep& step : steps) {
      file << "[[step]]\nname = '" << step.name << "'\nabout = 'It is a test.'\nrun = '''cd " << File("") << "; "
           << step.run << "'''\ncheck = '''cd " << File("") << "; " << step.check << "'''\nat_most = '" << step.at_most
           << "'\n";
      if (!step.undo.empty()) file << "undo = '''cd " << File("") << "; " << step.undo << "'''\n";
    }
  }
  // A step that makes a file, and writes down that it ran.
  static TestStep Makes(const std::string& name) {
    return {name, absl::StrCat("touch ", name, "; echo ", name, " >>log"), absl::StrCat("test -e ", name),
            absl::StrCat("rm ", name, "; echo undo ", name, " >>log")};
  }
  std::vector<std::string> Log() const {
    std::ifstream file(File("log"));
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
  nlohmann::json Record() const {
    std::ifstream file(File("record.json"));
    return nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  }

  std::vector<std::string> Words(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {
        "cutover", "rehearse",        "--steps",  File("steps.toml"),  "--config", File("rehearsal.toml"),
        "--live",  File("live.toml"), "--record", File("record.json"), "--from",   "supabase",
        "--to",    "timeweb"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  CliResult Rehearse(const std::vector<std::string>& more = {}, const std::string& address = server_->address()) const {
    return CliRunner(address).Run(Words(more));
  }
  std::unique_ptr<test::Subprocess> StartRehearsal() const {
    std::vector<std::string> argv = Words({});
    argv.insert(argv.begin(), test::ProgramPath("authstatectl"));
    auto process = test::Subprocess::Start({std::move(argv), {absl::StrCat("AUTHSTATE_ADDRESS=", server_->address())}});
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }
  void ExpectRefused(const CliResult& result, const std::string& why) const {
    EXPECT_EQ(result.code, kRefused) << result.out << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_THAT(Log(), ElementsAre());
    EXPECT_FALSE(std::filesystem::exists(File("record.json")));
  }

  static inline std::unique_ptr<test::TempDir> store_ = std::make_unique<test::TempDir>();
  static inline std::unique_ptr<test::TestServer> server_;
  std::string live_source_;
  std::string live_target_;
};

TEST_F(CutoverRehearseTest, GoesThereAndBackAndWritesDownHowLongItTook) {
  WriteSteps({Makes("a"),
              {"b", "echo out; echo err >&2; echo \"$AUTHSTATE_ADDRESS\" >address", "test -e a", "", "10s"},
              Makes("c")});
  const CliResult result = Rehearse({"--json"});
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_THAT(result.err, HasSubstr("out\nerr\n"));
  EXPECT_THAT(Log(), ElementsAre("a", "c", "undo c", "undo a"));
  const nlohmann::json record = Record();
  EXPECT_EQ(result.OutJson(), record);
  EXPECT_EQ(record["outcome"], "done");
  EXPECT_EQ(record["from"], "supabase");
  EXPECT_EQ(record["to"], "timeweb");
  EXPECT_TRUE(record["failed_step"].is_null());
  EXPECT_GT(record["forward_seconds"], 0);
  EXPECT_GT(record["way_back_seconds"], 0);
  EXPECT_EQ(record["steps"][2]["name"], "c");
  EXPECT_EQ(record["steps"][2]["outcome"], "done");
  EXPECT_TRUE(record["steps"][1]["undo_seconds"].is_null());
  std::ifstream address(File("address"));
  std::string reached;
  address >> reached;
  EXPECT_EQ(reached, server_->address());
}

TEST_F(CutoverRehearseTest, FailedStepIsUndoneInReverseOrder) {
  WriteSteps({Makes("a"), {"b", "exit 7", "true", "echo undo b >>log"}, Makes("c")});
  const CliResult result = Rehearse();
  EXPECT_EQ(result.code, kDataLoss) << result.out;
  EXPECT_THAT(result.err, HasSubstr("step b: exited with code 7; what was done is undone, in reverse order"));
  EXPECT_THAT(Log(), ElementsAre("a", "undo b", "undo a"));
  EXPECT_EQ(Record()["outcome"], "failed");
  EXPECT_EQ(Record()["failed_step"], "b");
  EXPECT_EQ(Record()["steps"][2]["outcome"], "not-run");
  EXPECT_TRUE(Record()["way_back_seconds"].is_null());
  EXPECT_THAT(Rehearse({"--resume"}).err, HasSubstr("is over (failed)"));
}

TEST_F(CutoverRehearseTest, TooSlowIsEnded) {
  WriteSteps({Makes("a"), {"b", "sleep 600", "true", "", "300ms"}});
  const CliResult result = Rehearse();
  EXPECT_EQ(result.code, kDataLoss) << result.out;
  EXPECT_THAT(result.err, HasSubstr("step b: was not done in time, and was ended (at_most 300ms)"));
  EXPECT_THAT(Log(), ElementsAre("a", "undo a"));
}

TEST_F(CutoverRehearseTest, InterruptedStaysAsItIsAndIsGoneOnWith) {
  WriteSteps(
      {Makes("a"), {"b", "test -e go || { echo begun; sleep 600; }; echo b >>log", "true", "echo undo b >>log"}});
  const auto process = StartRehearsal();
  ASSERT_NE(process, nullptr);
  ASSERT_TRUE(process->WaitForLine("begun", kPatience, test::Subprocess::Stream::kStderr).ok());
  process->Signal(SIGTERM);
  const auto exit = process->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted);
  const std::string err = process->output(test::Subprocess::Stream::kStderr);
  EXPECT_THAT(err, HasSubstr("--resume"));
  EXPECT_THAT(err, HasSubstr("echo undo b >>log\n# a\ncd "));
  EXPECT_THAT(Log(), ElementsAre("a"));
  EXPECT_EQ(Record()["outcome"], "interrupted");
  EXPECT_EQ(Record()["steps"][1]["outcome"], "interrupted");

  std::ofstream(File("go")) << "";
  const CliResult resumed = Rehearse({"--resume"});
  EXPECT_EQ(resumed.code, kOk) << resumed.err;
  EXPECT_THAT(Log(), ElementsAre("a", "b", "undo b", "undo a"));
  EXPECT_EQ(Record()["steps"][0]["outcome"], "skipped");
  EXPECT_EQ(Record()["outcome"], "done");
}

TEST_F(CutoverRehearseTest, OtherStepsAreNotGoneOnWith) {
  WriteSteps({Makes("a")});
  EXPECT_EQ(Rehearse({"--resume"}).code, kNotFound);
  ASSERT_EQ(Rehearse().code, kOk);
  nlohmann::json record = Record();
  record["outcome"] = "interrupted";
  std::ofstream(File("record.json")) << record;
  WriteSteps({Makes("b")});
  const CliResult result = Rehearse({"--resume"});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("of other steps"));
  EXPECT_THAT(Log(), ElementsAre("a", "undo a"));
}

TEST_F(CutoverRehearseTest, LiveDatabasesAreRefusedUnderWhateverName) {
  WriteSteps({Makes("a")});
  const auto elsewhere = [](const std::string& url) { return absl::StrReplaceAll(url, {{"127.0.0.1", "localhost"}}); };
  WriteConfig("live.toml", elsewhere(source()), live_target_);
  ExpectRefused(Rehearse(), "of --config is supabase (localhost:");
  WriteConfig("live.toml", live_source_, elsewhere(source()));
  ExpectRefused(Rehearse(), "of --config is timeweb (localhost:");
  WriteConfig("live.toml", elsewhere(target()), live_target_);
  ExpectRefused(Rehearse(), "rehearse on copies of both databases");
}

TEST_F(CutoverRehearseTest, WhereItCannotBeToldNothingIsRun) {
  WriteSteps({Makes("a")});
  WriteConfig("live.toml", absl::StrCat(live_source_, "_gone"), live_target_);
  ExpectRefused(Rehearse(), "it cannot be told whether the databases of --live are the same");
  std::ofstream(File("live.toml")) << "";
  ExpectRefused(Rehearse(), "--live");
}

// What the line or the environment says of --config is not said of --live.
TEST_F(CutoverRehearseTest, LiveFileCountsAlone) {
  WriteSteps({Makes("a")});
  WriteConfig("rehearsal.toml", live_source_, live_target_);
  ExpectRefused(Rehearse(), "rehearse on copies of both databases");
  EXPECT_EQ(Rehearse({absl::StrCat("--supabase-url=", source(), "?sslmode=disable"),
                      absl::StrCat("--timeweb-url=", target(), "?sslmode=disable")})
                .code,
            kOk);
}

TEST_F(CutoverRehearseTest, LiveServerIsRefused) {
  WriteSteps({Makes("a")});
  auto live = test::TestServer::Create(
      {{"--backend", "supabase", absl::StrCat("--supabase-url=", live_source_, "?sslmode=disable")}, {}});
  ASSERT_TRUE(live.ok()) << live.status();
  ExpectRefused(Rehearse({}, (*live)->address()), "is live: it knows ");
}

TEST_F(CutoverRehearseTest, WrongStepsAreNamed) {
  std::ofstream(File("steps.toml")) << "[[step]]\nname = 'a'\nabout = 'A.'\nrun = 'touch log'\n";
  ExpectRefused(Rehearse(), "steps.toml: step 1 (a): check: is missing");
}

TEST_F(CutoverRehearseTest, ForPeopleThereIsATable) {
  WriteSteps({Makes("a")});
  const CliResult result = Rehearse();
  EXPECT_THAT(result.out, HasSubstr("STEP  OUTCOME  TOOK"));
  EXPECT_THAT(result.out, HasSubstr("done; forward "));
  EXPECT_THAT(result.err, HasSubstr("1/1 a: It is a test.\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("{")));
}

}  // namespace
}  // namespace authstate
