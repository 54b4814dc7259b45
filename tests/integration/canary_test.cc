// Recognisable secrets in creds, keys, a token, a password and a keyring, over what authstatectl and authstated do:
// none of them is found where it does not belong, neither as it is nor in base64 or hexadecimal digits.
#include <gmock/gmock.h>
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
#include "tests/support/temp_dir.h"
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

struct Setting {
  bool postgres = false;
  bool encrypted = false;
};

class CanaryTest : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    database_ = {"--sqlite-path", directory_.File("authstate.db")};
    if (GetParam().postgres) {
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
    auto postgres = test::TestPostgres::Create();
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    postgres_ = *std::move(postgres);
    const auto url = postgres_->NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
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
    server_options_ = {"--keyring-file", path};
  }

  void Serve() {
    test::TestServer::Options options;
    options.arguments = database_;
    options.arguments.insert(options.arguments.end(), server_options_.begin(), server_options_.end());
    options.arguments.insert(options.arguments.end(),
                             {"--audit", "on", "--audit-file", directory_.File("audit.jsonl"), "--log-level", "debug"});
    auto server = test::TestServer::Create(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Runs a line of authstatectl, whose standard output may show values where `shows`; nothing else of it may.
  CliResult Run(const std::string& line, bool shows = false) {
    const CliRunner cli(server_->address());
    CliResult result =
        cli.Bash(absl::StrCat("export AUTHSTATE_TOKEN=", token_, "\ncd ", directory_.path(), "\nauthstatectl ", line));
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

  // What the server said and kept, once it has ended; the state itself apart.
  void Gather() {
    ASSERT_TRUE(server_->Terminate().ok());
    places_["the log"] = server_->process().output(Subprocess::Stream::kStderr);
    places_["the standard output"] = server_->process().output(Subprocess::Stream::kStdout);
    places_["the audit log"] = TextOf(directory_.File("audit.jsonl"));
    const CliResult printed = CliRunner("").Bash(absl::StrCat(
        "authstated --print-config ", absl::StrJoin(database_, " "), " ", absl::StrJoin(server_options_, " ")));
    places_["--print-config"] = printed.out + printed.err;
    if (postgres_ == nullptr) {
      for (const char* const suffix : {"", "-wal", "-shm"}) {
        state_ += TextOf(directory_.File(absl::StrCat("authstate.db", suffix)));
      }
    } else {
      ASSERT_TRUE(postgres_->Stop().ok());
      for (const char* const folder : {"base", "pg_wal"}) {
        for (const auto& file : fs::recursive_directory_iterator(fs::path(cluster_) / folder)) {
          if (file.is_regular_file()) state_ += TextOf(file.path());
        }
      }
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
  std::unique_ptr<test::TestPostgres> postgres_;
  std::string cluster_;
  std::vector<std::string> database_;
  std::vector<std::string> server_options_;
  std::unique_ptr<test::TestServer> server_;
  std::string token_;
  // By what they are.
  std::map<std::string, std::string> secrets_;
  // What must show none of them, by what it is.
  std::map<std::string, std::string> places_;
  std::string state_;
};

TEST_P(CanaryTest, IsSeenNowhere) {
  ASSERT_NO_FATAL_FAILURE(UseAll());
  ASSERT_NO_FATAL_FAILURE(Gather());
  for (const auto& [place, text] : places_) EXPECT_THAT(Found(text), IsEmpty()) << place << ":\n" << text;
  if (GetParam().encrypted) {
    EXPECT_THAT(Found(state_), IsEmpty());
  } else {
    // Or the line above shows nothing.
    EXPECT_THAT(Found(state_), testing::UnorderedElementsAre("a text in a value", "bytes in a value"));
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, CanaryTest,
                         testing::Values(Setting{false, false}, Setting{false, true}, Setting{true, false},
                                         Setting{true, true}),
                         [](const auto& setting) {
                           return absl::StrCat(setting.param.postgres ? "Postgres" : "Sqlite",
                                               setting.param.encrypted ? "Encrypted" : "Plain");
                         });

}  // namespace
}  // namespace authstate
