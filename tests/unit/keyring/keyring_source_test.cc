#include "keyring/keyring_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kText = test::KeyringText({{"k", 'a'}});

class KeyringSourceTest : public testing::Test {
 protected:
  std::string WriteFile(const std::string& text, mode_t mode) {
    std::ofstream(path_) << text;
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    return path_;
  }
  static absl::Status WhyNot(const KeyringSource& source) {
    const auto keyring = LoadKeyring(source);
    EXPECT_THAT(std::string(keyring.status().message()), Not(HasSubstr("aaaa")));
    return keyring.status();
  }

  test::TempDir directory_;
  const std::string path_ = directory_.File("keyring");
};

TEST_F(KeyringSourceTest, WithoutOneThereIsNoKeyring) {
  const auto keyring = LoadKeyring({});
  ASSERT_TRUE(keyring.ok());
  EXPECT_EQ(*keyring, nullptr);
}

TEST_F(KeyringSourceTest, IsAFileACommandOrAText) {
  KeyringSource file;
  file.file = WriteFile(kText, 0600);
  KeyringSource command;
  command.command = absl::StrCat("cat ", path_);
  KeyringSource text;
  text.text = kText;
  for (const KeyringSource& source : {file, command, text}) {
    const auto keyring = LoadKeyring(source);
    ASSERT_TRUE(keyring.ok()) << keyring.status();
    EXPECT_EQ((*keyring)->active(), "k");
  }
}

TEST_F(KeyringSourceTest, FileIsOneThatOthersCannotGetAt) {
  for (const mode_t mode : {0644, 0602, 0620, 0601}) {
    const absl::Status status = WhyNot({WriteFile(kText, mode)});
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("the keyring ", path_, ": has mode")));
  }
  EXPECT_TRUE(WhyNot({WriteFile(kText, 0440)}).ok());
}

TEST_F(KeyringSourceTest, FailuresNameTheSource) {
  EXPECT_THAT(std::string(WhyNot({path_}).message()),
              HasSubstr(absl::StrCat("the keyring ", path_, ": cannot be read")));
  EXPECT_THAT(std::string(WhyNot({WriteFile("aaaa", 0600)}).message()), HasSubstr(absl::StrCat(path_, ": line 1: ")));
  EXPECT_THAT(std::string(WhyNot({"", "exit 3 # aaaa"}).message()), HasSubstr("--keyring-command: exited with code 3"));
  EXPECT_THAT(std::string(WhyNot({"", "kill -9 $$"}).message()), HasSubstr("was ended by signal 9"));
  EXPECT_THAT(std::string(WhyNot({"", "", "aaaa"}).message()), HasSubstr("AUTHSTATE_KEYRING: line 1: "));
}

TEST_F(KeyringSourceTest, CommandThatFailsAfterItsOutputGivesNoKeyring) {
  EXPECT_TRUE(absl::IsUnavailable(WhyNot({"", absl::StrCat("echo '", kText, "'; exit 1")})));
}

TEST_F(KeyringSourceTest, CommandThatDoesNotEndIsEnded) {
  const auto keyring = LoadKeyring({"", "exec sleep 600"}, absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(keyring.status())) << keyring.status();
}

TEST_F(KeyringSourceTest, EndlessOutputIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(WhyNot({"", "exec yes"})));
  EXPECT_TRUE(absl::IsInvalidArgument(WhyNot({WriteFile(std::string(kMaxKeyringText + 1, '\n'), 0600)})));
}

}  // namespace
}  // namespace authstate
