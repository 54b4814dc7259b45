// Which database is used: flags, environment, the variable of the system before, the file.
#include "profiles/backend_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "profiles/database_options.h"
#include "tests/support/temp_dir.h"

namespace authstate::profiles {
namespace {

absl::StatusOr<DatabaseOptions> TryToParse(const std::vector<std::string>& arguments,
                                           const std::vector<std::string>& environment) {
  DatabaseOptions options;
  Command program;
  program.options = DeclareDatabaseOptions(&options);
  program.last_value_wins = true;
  const Layers layers{environment};
  const absl::StatusOr<std::string> parsed = profiles::Parse(program, arguments, "", &layers);
  if (!parsed.ok()) return parsed.status();
  return options;
}

DatabaseOptions Parse(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  absl::StatusOr<DatabaseOptions> options = TryToParse(arguments, environment);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(DatabaseOptions());
}

BackendChoice Chosen(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  return Parse(arguments, environment).backend;
}

class BackendChoiceTest : public testing::Test {
 protected:
  std::string ConfigFlag(const std::string& text) {
    const std::string path = directory_.File("config.toml");
    std::ofstream(path) << text;
    return "--config=" + path;
  }

 private:
  test::TempDir directory_;
};

TEST_F(BackendChoiceTest, TheLegacySwitchMeansTimewebOnlyWhenItIsFalse) {
  EXPECT_EQ(Chosen({}, {"USE_LEGACY_SUPABASE=false"}), BackendChoice::kTimeweb);
  for (const char* value : {"true", "1", "0", "no", "False", "FALSE", " false"}) {
    EXPECT_EQ(Chosen({}, {std::string("USE_LEGACY_SUPABASE=") + value}), BackendChoice::kSupabase) << value;
  }
}

TEST_F(BackendChoiceTest, ALegacySwitchThatIsNotSetOrEmptyChoosesNothing) {
  EXPECT_EQ(Chosen({}, {}), BackendChoice::kSqlite);
  EXPECT_EQ(Chosen({}, {"USE_LEGACY_SUPABASE="}), BackendChoice::kSqlite);
  EXPECT_EQ(Chosen({}, {"USE_LEGACY_SUPABASE_TOO=false"}), BackendChoice::kSqlite);
}

TEST_F(BackendChoiceTest, FlagAndVariableOfOurOwnWinOverTheLegacySwitch) {
  EXPECT_EQ(Chosen({"--backend", "postgres"}, {"USE_LEGACY_SUPABASE=false"}), BackendChoice::kPostgres);
  EXPECT_EQ(Chosen({}, {"USE_LEGACY_SUPABASE=false", "AUTHSTATE_BACKEND=supabase"}), BackendChoice::kSupabase);
  EXPECT_EQ(Chosen({"--backend=sqlite"}, {"AUTHSTATE_BACKEND=supabase"}), BackendChoice::kSqlite);
}

TEST_F(BackendChoiceTest, TheLegacySwitchWinsOverTheFile) {
  const std::string config = ConfigFlag("backend = \"supabase\"\n");
  EXPECT_EQ(Chosen({config}, {}), BackendChoice::kSupabase);
  EXPECT_EQ(Chosen({config}, {"USE_LEGACY_SUPABASE=false"}), BackendChoice::kTimeweb);
}

TEST_F(BackendChoiceTest, BothSetsOfOptionsMayStandSideBySide) {
  const std::vector<std::string> environment = {
      "AUTHSTATE_TIMEWEB_HOST=t.example",  "AUTHSTATE_TIMEWEB_DATABASE=auth",    "AUTHSTATE_TIMEWEB_USER=u",
      "AUTHSTATE_SUPABASE_HOST=s.example", "AUTHSTATE_SUPABASE_SSLMODE=require", "USE_LEGACY_SUPABASE=false"};
  const DatabaseOptions options = Parse({}, environment);
  EXPECT_EQ(options.backend, BackendChoice::kTimeweb);
  EXPECT_EQ(options.postgres.at(BackendChoice::kTimeweb).host, "t.example");
  EXPECT_EQ(options.postgres.at(BackendChoice::kSupabase).host, "s.example");
  EXPECT_THAT(ConfiguredProfiles(options), testing::ElementsAre(BackendChoice::kTimeweb, BackendChoice::kSupabase));
}

TEST_F(BackendChoiceTest, AnUnknownBackendIsRefused) {
  const absl::Status refused = TryToParse({"--backend=mysql"}, {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::StartsWith("--backend: "));
}

TEST_F(BackendChoiceTest, PasswordsOfAnyCharactersComeThroughFlagAndEnvironment) {
  const std::string password = R"(a}|<?'\ "#%=,;[x])";
  EXPECT_EQ(Parse({"--timeweb-password", password}, {}).postgres.at(BackendChoice::kTimeweb).password, password);
  EXPECT_EQ(Parse({}, {"AUTHSTATE_TIMEWEB_PASSWORD=" + password}).postgres.at(BackendChoice::kTimeweb).password,
            password);
}

TEST_F(BackendChoiceTest, TheLayoutOfTheDatabaseInUseWinsOverItsProfiles) {
  const DatabaseOptions options = Parse({"--backend=postgres", "--postgres-host=localhost", "--postgres-layout=native",
                                         "--timeweb-host=localhost", "--timeweb-sslmode=disable", "--timeweb-user=u",
                                         "--timeweb-database=d", "--timeweb-layout=native", "--layout=legacy"},
                                        {});
  EXPECT_EQ(ResolveTarget(options, BackendChoice::kPostgres)->options.layout, storage::PostgresLayout::kLegacy);
  EXPECT_EQ(ResolveTarget(options, BackendChoice::kTimeweb)->options.layout, storage::PostgresLayout::kNative);
}

}  // namespace
}  // namespace authstate::profiles
