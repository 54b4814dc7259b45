// Recognisable secrets in creds, keys, a token, a password, a keyring and the key of TLS, over what authstatectl, a
// pool and authstated do: none of them is found where it does not belong, neither as it is nor in base64 or hexadecimal
// digits.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/http/http_exchange.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using test::Subprocess;
using ::testing::IsEmpty;

// Three bytes of base64 make four digits whatever stands before them, so a secret is found within others at any of
// three places.
std::vector<std::string> SpellingsOf(const std::string& secret) {
  std::vector<std::string> spellings = {secret, absl::BytesToHexString(secret)};
  for (std::size_t skipped = 0; skipped < 3; ++skipped) {
    const std::string whole = secret.substr(skipped, (secret.size() - skipped) / 3 * 3);
    spellings.push_back(absl::Base64Escape(whole));
  }
  return spellings;
}

std::string TextOf(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

enum class Place { kSqlite, kPostgres, kWriteBehind };

struct Setting {
  Place place = Place::kSqlite;
  bool encrypted = false;
};

class CanaryTest : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    auto certificates = test::TestCertificates::Create();
    ASSERT_TRUE(certificates.ok()) << certificates.status();
    certificates_ = *std::move(certificates);
    const std::vector<std::string> lines = absl::StrSplit(TextOf(certificates_->File("server.key")), '\n');
    ASSERT_GT(lines.size(), 2U);
    secrets_["the key of TLS"] = lines[1];
    database_ = {"--sqlite-path", directory_.File("authstate.db")};
    if (GetParam().place != Place::kSqlite) {
      ASSERT_NO_FATAL_FAILURE(StartPostgres());
    }
    if (GetParam().encrypted) {
      ASSERT_NO_FATAL_FAILURE(MakeKeyring());
    }
    const std::string made = "authstatectl token create --quiet --rights read,write,steal,admin --all-sessions " +
                             absl::StrJoin(database_, " ");
    CliResult token = CliRunner("").Bash(made);
    ASSERT_EQ(token.code, kOk) << token.err;
    token_ = std::string(absl::StripAsciiWhitespace(token.out));
    const std::vector<std::string> parts = absl::StrSplit(token_, '_');
    ASSERT_EQ(parts.size(), 3U);
    secrets_["the secret of the token"] = parts[2];
    Serve();
  }

  void StartPostgres() {
    // A segment of the log that is renamed for further use has what it had until it is written over.
    test::TestPostgres::Options options;
    options.settings = {"wal_recycle=off"};
    auto postgres = test::TestPostgres::Create(std::move(options));
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    postgres_ = *std::move(postgres);
    const auto url = postgres_->NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
    url_ = *url;
    secrets_["the password"] = "canaryPassword55";
    const std::vector<std::string> parts = absl::StrSplit(*url, absl::MaxSplits('@', 1));
    database_ = {"--backend", "postgres", "--postgres-url",
                 absl::StrCat("postgresql://postgres:", secrets_["the password"], "@", parts.back())};
    const auto folder = test::TestPostgres::Query(*url, "SHOW data_directory");
    ASSERT_TRUE(folder.ok()) << folder.status();
    cluster_ = *folder;
  }

  void MakeKeyring() {
    const std::string path = directory_.File("keyring");
    ASSERT_EQ(CliRunner("").Run({"keyring", "init", path, "k"}).code, kOk);
    const std::string text = TextOf(path);
    secrets_["a key of the keyring"] = text.substr(text.rfind(' ') + 1, 64);
    keyring_options_ = {"--keyring-file", path};
  }

  void Serve() {
    test::TestServer::Options options;
    options.arguments = ServerOptions();
    auto server = test::TestServer::Create(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::vector<std::string> ServerOptions() const {
    std::vector<std::string> options = database_;
    options.insert(options.end(), keyring_options_.begin(), keyring_options_.end());
    if (GetParam().place == Place::kWriteBehind) {
      options.insert(options.end(), {"--write-behind", directory_.File("near.db")});
    }
    options.insert(options.end(), {"--audit", "on", "--audit-file", directory_.File("audit.jsonl"), "--log-level",
                                   "debug", "--http-listen", "127.0.0.1:0", "--tls-certificate",
                                   certificates_->File("server.pem"), "--tls-key", certificates_->File("server.key")});
    return options;
  }

  // Runs a line of authstatectl, whose standard output may show values where `shows`; nothing else of it may.
  CliResult Run(const std::string& line, bool shows = false) {
    const CliRunner cli(server_->address());
    CliResult result = cli.Bash(absl::StrCat("export AUTHSTATE_TOKEN=", token_,
                                             " AUTHSTATE_SERVER_NAME=localhost AUTHSTATE_CA=", certificates_->ca_file(),
                                             "\ncd ", directory_.path(), "\nauthstatectl ", line));
    places_[absl::StrCat("the errors of authstatectl ", line)] = result.err;
    if (!shows) places_[absl::StrCat("the output of authstatectl ", line)] = result.out;
    return result;
  }
  void MustRun(const std::string& line, bool shows = false) {
    const CliResult result = Run(line, shows);
    EXPECT_EQ(result.code, kOk) << line << "\n" << result.out << result.err;
  }

  void UseAll() {
    const std::string creds = absl::StrCat(directory_.File("creds.json"));
    std::ofstream(creds) << test::WorkingCreds("s").substr(0, test::WorkingCreds("s").rfind('}')) << R"(,"secret":")"
                         << kInText << R"(","bytes":{"type":"Buffer","data":")" << absl::Base64Escape(kInBytes)
                         << R"("}})";
    std::ofstream(directory_.File("raw")) << kInBytes;
    std::ofstream(directory_.File("short.json")) << R"({"secret":")" << kInText << R"("})";
    std::ofstream(directory_.File("torn.json")) << R"({"secret":")" << kInText;
    secrets_["a text in a value"] = kInText;
    secrets_["bytes in a value"] = kInBytes;

    MustRun("creds set s @creds.json");
    MustRun("keys set s session 4915112345678.0 --raw @raw");
    MustRun("keys set s pre-key 1 @creds.json");
    // Too short to be compressed, which would hide it.
    MustRun("keys set s pre-key 2 @short.json");
    MustRun("creds get s", /*shows=*/true);
    MustRun("keys get s session 4915112345678.0", /*shows=*/true);
    MustRun("keys list s session");
    MustRun("session list --long");
    MustRun("session show s");
    MustRun("lease acquire s --owner somebody --ttl 1m");
    MustRun("lease show s");
    MustRun("session copy s t --steal");
    MustRun("session rename t u --steal");
    MustRun("session export s exported");
    MustRun("session export s --redact");
    MustRun("session import v exported");
    MustRun("session prune v --dry-run");
    MustRun("store verify");
    MustRun("server info");
    MustRun("token list");
    MustRun("session delete v --yes");
    (void)Run("session check --all");
    // What is refused.
    EXPECT_NE(Run("creds set s @torn.json").code, kOk);
    EXPECT_NE(Run(absl::StrCat("creds set s '{\"secret\":\"", kInText, "\"} and more'")).code, kOk);
    EXPECT_NE(Run(absl::StrCat("keys set s 'no type ", kInText, "\x01' 1 @raw")).code, kOk);
    EXPECT_NE(Run("creds set s @creds.json --fence 99").code, kOk);
    EXPECT_NE(Run(absl::StrCat("session list --token as_", token_.substr(3, 16), "_", std::string(kInText),
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
                  .code,
              kOk);
    EXPECT_NE(Run(absl::StrCat("session list --tokenn=", token_)).code, kOk);
  }

  // What a pool does, and what it is told where it is refused.
  void UseThePipe() {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = TextOf(certificates_->ca_file());
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    const auto channel = grpc::CreateCustomChannel(server_->address(), grpc::SslCredentials(tls), arguments);
    namespace pipe = test::pipe;
    test::PipeCaller caller(channel, "Bearer " + token_);
    const auto done = caller.Call(pipe::Message({pipe::Attach(1, 1, "piped"), pipe::Commit(1, 2, 1, kInBytes),
                                                 pipe::Commit(1, 3, 2, absl::StrCat(kInText, kInBytes))}));
    ASSERT_EQ(done.size(), 3U);
    for (const v1::PipeResult& result : done) EXPECT_FALSE(result.has_error()) << result.ShortDebugString();
    v1::PipeOperation torn = pipe::Commit(1, 2, 1, kInBytes);
    torn.mutable_commit()->mutable_creds()->set_json(absl::StrCat(R"({"secret":")", kInText));
    v1::PipeOperation named = pipe::Commit(1, 2, 1, kInBytes);
    named.mutable_commit()->mutable_sets(0)->mutable_key()->set_type(absl::StrCat("no type ", kInText, "\x01"));
    // Some end their stream.
    for (const v1::PipeOperation& bad : {torn, named, pipe::Commit(1, 2, 99, kInBytes)}) {
      test::PipeCaller careless(channel, "Bearer " + token_);
      const auto answers = careless.Call(pipe::Message({pipe::Attach(1, 1, "refused"), bad}));
      for (const v1::PipeResult& answer : answers) places_["the refusals of the pipe"] += answer.ShortDebugString();
      careless.DoneSending();
      const grpc::Status end = careless.Finish();
      places_["the refusals of the pipe"] += end.error_message();
      EXPECT_TRUE(!end.ok() || (answers.size() == 2 && answers[1].has_error())) << bad.ShortDebugString();
    }
    const auto read = caller.Call(pipe::Message({pipe::Get(1, 7)}));
    ASSERT_EQ(read.size(), 1U);
    EXPECT_THAT(read[0].SerializeAsString(), testing::HasSubstr(kInBytes));
    test::PipeCaller stranger(channel, absl::StrCat("Bearer as_", token_.substr(3, 16), "_", kInText));
    v1::PipeResponse response;
    EXPECT_FALSE(stranger.Receive(&response));
    places_["the refusal of the pipe"] = stranger.Finish().error_message();
  }

  // What anybody on the machine sees of the server while it runs.
  void LookFromOutside() {
    const auto line =
        server_->process().WaitForLine("metrics and health over HTTP", absl::Minutes(1), Subprocess::Stream::kStderr);
    ASSERT_TRUE(line.ok()) << line.status();
    const std::string address = nlohmann::json::parse(*line).value("address", "");
    for (const char* const path : {"/metrics", "/status.json", "/status", "/readyz"}) {
      const test::HttpAnswer answer = test::HttpGet(address, path);
      EXPECT_EQ(answer.status, 200) << path;
      places_[path] = answer.head + answer.body;
    }
    places_["the process title"] = TextOf(absl::StrCat("/proc/", server_->process().pid(), "/cmdline"));
    EXPECT_THAT(places_["the process title"], testing::HasSubstr("authstated"));
  }

  // What the server said and kept, once it has ended; the state itself apart.
  void Gather() {
    ASSERT_NO_FATAL_FAILURE(LookFromOutside());
    ASSERT_TRUE(server_->Terminate().ok());
    places_["the log"] = server_->process().output(Subprocess::Stream::kStderr);
    places_["the standard output"] = server_->process().output(Subprocess::Stream::kStdout);
    places_["the audit log"] = TextOf(directory_.File("audit.jsonl"));
    const CliResult printed =
        CliRunner("").Bash(absl::StrCat("authstated --print-config ", absl::StrJoin(ServerOptions(), " ")));
    places_["--print-config"] = printed.out + printed.err;
    if (GetParam().place == Place::kSqlite) states_["the file"] = TextOfSqlite("authstate.db");
    if (GetParam().place == Place::kWriteBehind) states_["the file of write-behind"] = TextOfSqlite("near.db");
    if (postgres_ == nullptr) return;
    ASSERT_TRUE(postgres_->Stop().ok());
    for (const char* const folder : {"base", "global", "pg_wal"})
      AddFiles(fs::path(cluster_) / folder, &states_["PostgreSQL"]);
  }

  std::string TextOfSqlite(const std::string& name) const {
    std::string text;
    for (const char* const suffix : {"", "-wal", "-shm"}) text += TextOf(directory_.File(name + suffix));
    return text;
  }
  static void AddFiles(const fs::path& folder, std::string* text) {
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
      if (file.is_regular_file()) *text += TextOf(file.path());
    }
  }

  // The names of the secrets that a text holds.
  std::vector<std::string> Found(const std::string& text) const {
    std::vector<std::string> found;
    for (const auto& [name, secret] : secrets_) {
      for (const std::string& spelling : SpellingsOf(secret)) {
        if (!absl::StrContains(text, spelling)) continue;
        found.push_back(name);
        break;
      }
    }
    return found;
  }

  static constexpr char kInText[] = "canaryInTheText71";
  static constexpr char kInBytes[] = "canaryInTheBytes93";

  test::TempDir directory_;
  std::unique_ptr<test::TestCertificates> certificates_;
  std::unique_ptr<test::TestPostgres> postgres_;
  std::string url_;
  std::string cluster_;
  std::vector<std::string> database_;
  std::vector<std::string> keyring_options_;
  std::unique_ptr<test::TestServer> server_;
  std::string token_;
  // By what they are.
  std::map<std::string, std::string> secrets_;
  // What must show none of them, by what it is.
  std::map<std::string, std::string> places_;
  // What must show none of them where it is encrypted.
  std::map<std::string, std::string> states_;
};

TEST_P(CanaryTest, IsSeenNowhere) {
  ASSERT_NO_FATAL_FAILURE(UseAll());
  ASSERT_NO_FATAL_FAILURE(UseThePipe());
  if (GetParam().encrypted) {
    MustRun(absl::StrCat("backup create backups ", absl::StrJoin(keyring_options_, " ")));
    AddFiles(directory_.File("backups"), &states_["the backup"]);
    EXPECT_FALSE(states_["the backup"].empty());
  }
  ASSERT_NO_FATAL_FAILURE(Gather());
  for (const auto& [place, text] : places_) EXPECT_THAT(Found(text), IsEmpty()) << place << ":\n" << text;
  for (const auto& [state, text] : states_) {
    if (GetParam().encrypted) {
      EXPECT_THAT(Found(text), IsEmpty()) << state;
    } else {
      // Or the line above shows nothing.
      EXPECT_THAT(Found(text), testing::UnorderedElementsAre("a text in a value", "bytes in a value")) << state;
    }
  }
}

std::string NameOf(const testing::TestParamInfo<Setting>& setting) {
  const Place place = setting.param.place;
  return absl::StrCat(place == Place::kSqlite     ? "Sqlite"
                      : place == Place::kPostgres ? "Postgres"
                                                  : "WriteBehind",
                      setting.param.encrypted ? "Encrypted" : "Plain");
}

INSTANTIATE_TEST_SUITE_P(Stores, CanaryTest,
                         testing::Values(Setting{Place::kSqlite, false}, Setting{Place::kSqlite, true},
                                         Setting{Place::kPostgres, false}, Setting{Place::kPostgres, true},
                                         Setting{Place::kWriteBehind, false}, Setting{Place::kWriteBehind, true}),
                         NameOf);

// What was plain, and was encrypted later.
class EncryptedLaterTest : public CanaryTest {
 protected:
  // What docs/encryption.md says that it takes.
  void ForgetWhatWasPlain() {
    if (postgres_ == nullptr) {
      EXPECT_EQ(CliRunner("").Bash(absl::StrCat("sqlite3 ", directory_.File("authstate.db"), " VACUUM")).code, kOk);
      return;
    }
    for (const char* const sql : {"ANALYZE", "VACUUM FULL", "SELECT pg_switch_wal()", "CHECKPOINT"}) {
      const absl::Status done = test::TestPostgres::Run(url_, sql);
      EXPECT_TRUE(done.ok()) << done;
    }
  }
};

TEST_P(EncryptedLaterTest, LeavesNoTraceOnceItIsVacuumedAndTheLogHasEnded) {
  ASSERT_NO_FATAL_FAILURE(UseAll());
  // Which keeps samples of what is in a column.
  if (postgres_ != nullptr) {
    ASSERT_TRUE(test::TestPostgres::Run(url_, "ANALYZE").ok());
  }
  ASSERT_TRUE(server_->Terminate().ok());
  ASSERT_NO_FATAL_FAILURE(MakeKeyring());
  ASSERT_NO_FATAL_FAILURE(Serve());
  const CliResult rewrapped = CliRunner("").Bash(absl::StrCat(
      "authstatectl keyring rewrap ", absl::StrJoin(database_, " "), " ", absl::StrJoin(keyring_options_, " ")));
  ASSERT_EQ(rewrapped.code, kOk) << rewrapped.err;
  ASSERT_TRUE(server_->Terminate().ok());
  ASSERT_NO_FATAL_FAILURE(ForgetWhatWasPlain());
  ASSERT_NO_FATAL_FAILURE(Serve());
  ASSERT_NO_FATAL_FAILURE(Gather());
  for (const auto& [state, text] : states_) EXPECT_THAT(Found(text), IsEmpty()) << state;
}

INSTANTIATE_TEST_SUITE_P(Stores, EncryptedLaterTest,
                         testing::Values(Setting{Place::kSqlite, false}, Setting{Place::kPostgres, false}), NameOf);

}  // namespace
}  // namespace authstate
