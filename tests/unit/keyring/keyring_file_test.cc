#include "keyring/keyring_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"
#include "tests/support/temp_dir.h"

namespace authstate {
namespace {

using ::testing::ElementsAre;

class KeyringFileTest : public testing::Test {
 protected:
  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  std::shared_ptr<const Keyring> Load() const {
    auto keyring = LoadKeyring({path_});
    EXPECT_TRUE(keyring.ok()) << keyring.status();
    return keyring.value_or(nullptr);
  }
  // Whether the keyring alone is in its folder, for its owner alone.
  void ExpectOneClosedFile() const {
    const std::filesystem::directory_iterator files(directory_.path());
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
    struct stat facts {};
    ASSERT_EQ(stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0600U);
  }

  test::TempDir directory_;
  const std::string path_ = directory_.File("keyring");
};

TEST_F(KeyringFileTest, InitMakesOneWithAnActiveKey) {
  ASSERT_TRUE(InitKeyringFile(path_, "first").ok());
  EXPECT_EQ(Load()->active(), "first");
  ExpectOneClosedFile();
}

TEST_F(KeyringFileTest, InitNeverReplacesAFile) {
  ASSERT_TRUE(InitKeyringFile(path_, "first").ok());
  const std::string before = Text();
  EXPECT_TRUE(absl::IsAlreadyExists(InitKeyringFile(path_, "second")));
  EXPECT_EQ(Text(), before);
  ExpectOneClosedFile();
}

TEST_F(KeyringFileTest, AddedKeyIsNotActiveUntilItIsMade) {
  ASSERT_TRUE(InitKeyringFile(path_, "first").ok());
  const std::string before = Text();
  ASSERT_TRUE(AddKeyringKey(path_, "second").ok());
  EXPECT_THAT(Load()->ids(), ElementsAre("first", "second"));
  EXPECT_EQ(Load()->active(), "first");
  EXPECT_TRUE(absl::StartsWith(Text(), before)) << "what was there stays as it was";
  ExpectOneClosedFile();

  ASSERT_TRUE(ActivateKeyringKey(path_, "second").ok());
  EXPECT_EQ(Load()->active(), "second");
  EXPECT_THAT(Load()->ids(), ElementsAre("first", "second"));
  ExpectOneClosedFile();
}

TEST_F(KeyringFileTest, ActivatingKeepsAllOtherLines) {
  std::ofstream(path_) << "# active keys, for people\nkey a " << std::string(64, '1') << ";active a\n\nkey b "
                       << std::string(64, '2');
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  ASSERT_TRUE(ActivateKeyringKey(path_, "b").ok());
  EXPECT_EQ(Text(),
            "# active keys, for people\nkey a " + std::string(64, '1') + ";active b\n\nkey b " + std::string(64, '2'));
}

TEST_F(KeyringFileTest, RefusesWhatCannotBe) {
  EXPECT_TRUE(absl::IsNotFound(AddKeyringKey(path_, "k")));
  EXPECT_TRUE(absl::IsInvalidArgument(InitKeyringFile(path_, "two words")));
  ASSERT_TRUE(InitKeyringFile(path_, "first").ok());
  const std::string before = Text();
  EXPECT_TRUE(absl::IsAlreadyExists(AddKeyringKey(path_, "first")));
  EXPECT_TRUE(absl::IsInvalidArgument(AddKeyringKey(path_, "")));
  EXPECT_TRUE(absl::IsNotFound(ActivateKeyringKey(path_, "second")));
  EXPECT_EQ(Text(), before);
}

}  // namespace
}  // namespace authstate
