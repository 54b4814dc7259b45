#include "profiles/readable_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "profiles/postgres_profile.h"
#include "tests/support/temp_dir.h"

namespace authstate::profiles {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReadableFilesTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text, mode_t mode) const {
    std::string path = directory_.File(name);
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  test::TempDir directory_;
};

TEST_F(ReadableFilesTest, AFileThatItsOwnerAloneCanReadIsNoMatter) {
  EXPECT_EQ(WarningOfReaders("the file", Write("closed", "x", 0600)), std::nullopt);
  EXPECT_EQ(WarningOfReaders("the file", Write("read-only", "x", 0400)), std::nullopt);
  EXPECT_EQ(WarningOfReaders("the file", directory_.File("absent")), std::nullopt);
}

TEST_F(ReadableFilesTest, TheWarningHasTheModeAndTheCommandThatClosesTheFile) {
  for (const auto& [mode, text] : {std::pair{0640, "0640"}, {0604, "0604"}, {0644, "0644"}, {0777, "0777"}}) {
    const std::string path = Write("open", "x", static_cast<mode_t>(mode));
    EXPECT_THAT(WarningOfReaders("the file", path).value_or(""),
                AllOf(HasSubstr("the file " + path), HasSubstr(text), HasSubstr("chmod 600 " + path)));
  }
}

TEST_F(ReadableFilesTest, AConfigurationIsSecretWhenAPasswordStandsInIt) {
  EXPECT_EQ(WarningOfConfigReaders(Write("a.toml", "timeweb-password-file = \"/p\"\n", 0644)), std::nullopt);
  EXPECT_EQ(WarningOfConfigReaders(Write("b.toml", "timeweb-password = \"s3cret\"\n", 0600)), std::nullopt);
  // Two URLs without one, as in the configuration that is delivered.
  EXPECT_EQ(WarningOfConfigReaders(Write("d.toml",
                                         "# supabase-url = \"postgresql://u@h:6543/d\"\n"
                                         "# postgres-url = \"postgresql://u@h:5432/d\"\n",
                                         0644)),
            std::nullopt);
  for (const char* line : {"timeweb-password = \"s3cret\"", "supabase-url = \"postgresql://u:s3cret@h/d\""}) {
    EXPECT_THAT(WarningOfConfigReaders(Write("c.toml", line, 0644)).value_or(""), HasSubstr("chmod 600"));
  }
}

TEST_F(ReadableFilesTest, ADatabaseHasFilesBesideIt) {
  const std::string path = Write("a.db", "x", 0600);
  EXPECT_THAT(WarningsOfDatabaseReaders(path), IsEmpty());
  (void)Write("a.db-wal", "x", 0644);
  EXPECT_THAT(WarningsOfDatabaseReaders(path), ElementsAre(HasSubstr("a.db-wal")));
}

TEST_F(ReadableFilesTest, APasswordFileIsWarnedOfWithItsProfile) {
  PostgresProfile profile;
  profile.host = "localhost";
  profile.password_file = Write("password", "s3cret\n", 0644);
  const auto target = ResolveProfile(BackendChoice::kPostgres, profile);
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_THAT(target->warnings, ElementsAre(HasSubstr("the password file " + profile.password_file)));
}

}  // namespace
}  // namespace authstate::profiles
