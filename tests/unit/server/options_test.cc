#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/exit_code.h"

namespace authstate::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A configuration file that lasts as long as its test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_(absl::StrCat(testing::TempDir(), "authstate_options_test.", getpid(), ".toml")) {
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { std::remove(path_.c_str()); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  std::string flag() const { return "--config=" + path_; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Options MustParse(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  auto parsed = ParseOptions(arguments, environment);
  if (const auto* print = std::get_if<PrintAndExit>(&parsed)) {
    ADD_FAILURE() << print->text;
    return {};
  }
  return std::get<Options>(parsed);
}

PrintAndExit MustPrint(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  auto parsed = ParseOptions(arguments, environment);
  if (std::holds_alternative<Options>(parsed)) {
    ADD_FAILURE() << "the options were accepted";
    return {};
  }
  return std::get<PrintAndExit>(parsed);
}

void ExpectUsageError(const PrintAndExit& print, const std::string& part) {
  EXPECT_EQ(print.exit_code, kExitUsage);
  EXPECT_THAT(print.text, HasSubstr(part));
  EXPECT_EQ(print.text.find('\n'), print.text.size() - 1) << "not one line: " << print.text;
}

TEST(OptionsTest, UnknownOptionsAreNamedInTheirOrder) {
  ExpectUsageError(MustPrint({"--serve", "--now=1", "-x"}), "not known here: --serve --now -x\n");
  ExpectUsageError(MustPrint({"serve", "--now"}), "not known here: --now, and 1 word that no option takes");
}

TEST(OptionsTest, NoWordIsQuotedWhereverItSlippedIn) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> slips = {
      {{"--postgres-pasword=s3cret"}, "--postgres-pasword"},
      {{"--postgres-pasword", "s3cret"}, "--postgres-pasword"},
      {{"--postgres-pasword:s3cret"}, "--postgres-pasword"},
      {{"-ps3cret"}, "-p"},
      {{"s3cret"}, "1 word"},
      {{"--postgres-password=", "x", "s3cret"}, "1 word"},
      {{"--migrate=s3cret"}, "--migrate: true or false"},
      {{"--log-level=s3cret"}, "--log-level: one of debug, error, info, warn"},
      {{"--backend=s3cret"}, "--backend: one of "},
      {{"--postgres-pooler=s3cret"}, "--postgres-pooler: one of auto, none, session, transaction"},
      {{"--backend=postgres", "--postgres-host=h", "--postgres-sslmode=s3cret"}, "--postgres-sslmode: one of "},
      {{"--cache-bytes=s3cret"}, "--cache-bytes: a whole number from 0 to "},
      {{"--postgres-connections", "s3cret"}, "--postgres-connections: a whole number from 3 to 1000"}};
  for (const auto& [arguments, part] : slips) {
    const PrintAndExit print = MustPrint(arguments);
    ExpectUsageError(print, part);
    EXPECT_THAT(print.text, Not(HasSubstr("s3cret"))) << testing::PrintToString(arguments);
  }
  const PrintAndExit environment = MustPrint({}, {"AUTHSTATE_BATCHES=s3cret"});
  ExpectUsageError(environment, "--batches: a whole number from 0 to 64");
  EXPECT_THAT(environment.text, Not(HasSubstr("s3cret")));
}

TEST(OptionsTest, NoLineOfTheFileIsQuoted) {
  const std::vector<std::pair<std::string, std::string>> slips = {
      {"postgres-pasword = \"s3cret\"", "line 2: not known here: postgres-pasword"},
      {"postgres-password s3cret", "line 2: NAME = VALUE is expected"},
      {"s3cret", "line 2: NAME = VALUE is expected"},
      {"migrate = s3cret", "migrate: "},
      {"print-config = true", "print-config: This option is not allowed"},
      {"[postgres]\npasword = \"s3cret\"", "no option stands in a section"},
      {"cache-bytes = s3cret", "--cache-bytes: a whole number"}};
  for (const auto& [line, part] : slips) {
    const ConfigFile file("listen = \"127.0.0.1:0\"\n" + line + "\n");
    const PrintAndExit print = MustPrint({file.flag()});
    ExpectUsageError(print, part);
    EXPECT_THAT(print.text, Not(HasSubstr("s3cret"))) << line;
  }
}

TEST(OptionsTest, NumbersAreRefusedWithTheirRange) {
  const std::vector<std::pair<std::string, std::string>> options = {
      {"--cache-bytes", "0 to 1099511627776"},   {"--postgres-patch-bytes", "0 to 1099511627776"},
      {"--max-pipe-streams", "1 to 65536"},      {"--batches", "0 to 64"},
      {"--postgres-connections", "3 to 1000"},   {"--postgres-queue-wait-ms", "1 to 600000"},
      {"--default-deadline-ms", "1 to 3600000"}, {"--drain-timeout-ms", "0 to 3600000"},
      {"--health-interval-ms", "1 to 3600000"}};
  // The last but one wraps around to 1 in 64 bits, the last one is octal for some.
  for (const std::string word :
       {"-1", "12x", "1.5", "0x10", " 5", "", "99999999999999", "18446744073709551617", "010"}) {
    for (const auto& [name, range] : options) {
      ExpectUsageError(MustPrint({name, word}), absl::StrCat(name, ": a whole number from ", range, " is expected"));
    }
  }
}

TEST(OptionsTest, DefaultsAreSafe) {
  const Options options = MustParse({});
  EXPECT_EQ(options.listen, "127.0.0.1:50051");
  EXPECT_EQ(options.databases.backend, profiles::BackendChoice::kSqlite);
  EXPECT_FALSE(options.migrate);
  EXPECT_EQ(options.log_format, LogFormat::kJson);
}

TEST(OptionsTest, FlagsWinOverTheEnvironmentWhichWinsOverTheFile) {
  const ConfigFile file("listen = \"file:1\"\nsqlite-path = \"file.db\"\nlog-level = \"error\"\n");
  const std::vector<std::string> environment = {"AUTHSTATE_LISTEN=environment:2", "AUTHSTATE_SQLITE_PATH=env.db"};
  const Options options = MustParse({file.flag(), "--listen", "flag:3"}, environment);
  EXPECT_EQ(options.listen, "flag:3");
  EXPECT_EQ(options.databases.sqlite_path, "env.db");
  EXPECT_EQ(options.log_level, LogLevel::kError);
}

TEST(OptionsTest, TheEnvironmentMayNameTheFile) {
  const ConfigFile file("sqlite-path = \"file.db\"\nmigrate = true\n");
  const Options options = MustParse({}, {"AUTHSTATE_CONFIG=" + file.path()});
  EXPECT_EQ(options.databases.sqlite_path, "file.db");
  EXPECT_TRUE(options.migrate);
}

TEST(OptionsTest, AFlagOptionIsReadFromTheEnvironment) {
  EXPECT_TRUE(MustParse({}, {"AUTHSTATE_MIGRATE=true"}).migrate);
  EXPECT_FALSE(MustParse({}, {"AUTHSTATE_MIGRATE=false"}).migrate);
}

TEST(OptionsTest, MakingANewStoreIsForbiddenInEveryForm) {
  EXPECT_TRUE(MustParse({}).create);
  EXPECT_FALSE(MustParse({"--no-create"}).create);
  EXPECT_FALSE(MustParse({}, {"AUTHSTATE_NO_CREATE=true"}).create);
  const ConfigFile file("no-create = true\n");
  EXPECT_FALSE(MustParse({file.flag()}).create);
  EXPECT_TRUE(MustParse({file.flag()}, {"AUTHSTATE_NO_CREATE=false"}).create);
}

TEST(OptionsTest, AnEmptyEnvironmentVariableCountsAsUnset) {
  EXPECT_EQ(MustParse({}, {"AUTHSTATE_LISTEN="}).listen, "127.0.0.1:50051");
}

TEST(OptionsTest, BadInputIsOneLineThatNamesTheOption) {
  ExpectUsageError(MustPrint({"--lisen", "x"}), "--lisen");
  ExpectUsageError(MustPrint({"--backend", "mysql"}), "--backend");
  ExpectUsageError(MustPrint({"--postgres-connections", "2"}), "--postgres-connections");
  ExpectUsageError(MustPrint({"--postgres-queue-wait-ms", "0"}), "--postgres-queue-wait-ms");
  ExpectUsageError(MustPrint({"--drain-timeout-ms", "soon"}), "--drain-timeout-ms");
  ExpectUsageError(MustPrint({"--max-pipe-streams", "0"}), "--max-pipe-streams");
  ExpectUsageError(MustPrint({}, {"AUTHSTATE_LOG_LEVEL=loud"}), "--log-level");
  ExpectUsageError(MustPrint({"--config", "/does/not/exist.toml"}), "/does/not/exist.toml");
  ExpectUsageError(MustPrint({"--config", "relative.toml"}), std::filesystem::absolute("relative.toml"));
  ExpectUsageError(MustPrint({"--backend", "postgres"}), "--postgres-url");
  const ConfigFile file("sqlte-path = \"x\"\n");
  ExpectUsageError(MustPrint({file.flag()}), "sqlte-path");
}

TEST(OptionsTest, HelpAndVersionExitWithSuccess) {
  const PrintAndExit help = MustPrint({"--help"});
  EXPECT_EQ(help.exit_code, kExitOk);
  for (const char* option : {"--listen", "--backend", "--sqlite-path", "--postgres-url", "--log-level", "--log-format",
                             "--config", "--migrate", "--print-config", "Exit codes"}) {
    EXPECT_THAT(help.text, HasSubstr(option));
  }
  EXPECT_THAT(MustPrint({"--version"}).text, HasSubstr("authstated "));
}

TEST(OptionsTest, PrintConfigReadsBackAsAFileAndHidesThePassword) {
  const PrintAndExit print =
      MustPrint({"--print-config", "--backend=postgres", "--sqlite-path=a\"b\\c",
                 "--postgres-url=postgresql://u:s3cret@localhost:5432/d", "--drain-timeout-ms=77"});
  EXPECT_EQ(print.exit_code, kExitOk);
  EXPECT_THAT(print.text, Not(HasSubstr("s3cret")));
  EXPECT_THAT(print.text, HasSubstr("postgresql://u:***@localhost:5432/d"));
  const ConfigFile file(print.text);
  const Options options = MustParse({file.flag()});
  EXPECT_EQ(options.databases.backend, profiles::BackendChoice::kPostgres);
  EXPECT_EQ(options.drain_timeout, absl::Milliseconds(77));
}

}  // namespace
}  // namespace authstate::server
