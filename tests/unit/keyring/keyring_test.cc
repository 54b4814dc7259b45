#include "keyring/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDigits(64, 'a');

std::string WhyNot(const std::string& text) {
  const auto keyring = Keyring::Parse(text);
  return keyring.ok() ? "it is one" : std::string(keyring.status().message());
}

TEST(KeyringTest, HasTheKeysOfItsLinesInAnyOrder) {
  const auto keyring = Keyring::Parse(absl::StrCat("# for people; and not for us\r\n\n  key old ", std::string(64, '0'),
                                                   "\r\nactive new\nkey\tnew   ", std::string(62, '0'), "aB"));
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_EQ((*keyring)->active(), "new");
  EXPECT_THAT((*keyring)->ids(), ElementsAre("old", "new"));
  EXPECT_EQ((*keyring)->Find("new")[kKeyringKeyBytes - 1], 0xab);
  EXPECT_EQ((*keyring)->Find("old")[kKeyringKeyBytes - 1], 0);
  EXPECT_EQ((*keyring)->Find("other"), nullptr);
}

TEST(KeyringTest, SemicolonsDivideAsLinesDo) {
  EXPECT_TRUE(Keyring::Parse(absl::StrCat("active k; key k ", kDigits)).ok());
}

TEST(KeyringTest, SaysWhatIsWrongInWhichLineAndNoPartOfAKey) {
  const std::string good = absl::StrCat("active k\nkey k ", kDigits, "\n");
  for (const auto& [text, why] : {
           std::pair<std::string, std::string>("", "no key is active"),
           {absl::StrCat("key k ", kDigits), "no key is active"},
           {"active k", "the active key \"k\" is not there"},
           {good + "active k", "line 3: only one key can be active"},
           {good + "plain", "line 3: only one key can be active"},
           {"plain\nplain", "line 2: only one key can be active"},
           {"plain k", "line 1: \"active ID\", \"plain\" or"},
           {good + "key k " + kDigits, "line 3: a second key \"k\""},
           {good + "key j " + kDigits.substr(1), "line 3: the key \"j\" is not 64 hexadecimal digits"},
           {good + "key j " + kDigits.substr(1) + "g", "line 3: the key \"j\" is not 64 hexadecimal digits"},
           {good + "key " + kDigits, "line 3: \"active ID\", \"plain\" or \"key ID DIGITS\" is expected"},
           {good + "key " + kDigits + " j", "line 3: an id has"},
           {good + kDigits, "line 3: \"active ID\", \"plain\" or"},
           {good + "active " + kDigits, "line 3: an id has"},
       }) {
    EXPECT_THAT(WhyNot(text), HasSubstr(why));
    EXPECT_THAT(WhyNot(text), Not(HasSubstr("aaaa")));
  }
}

TEST(KeyringTest, MayHaveNoActiveKey) {
  const auto keyring = Keyring::Parse(absl::StrCat("plain; key k ", kDigits));
  ASSERT_TRUE(keyring.ok()) << keyring.status();
  EXPECT_EQ((*keyring)->active(), "");
  EXPECT_NE((*keyring)->Find("k"), nullptr);
}

TEST(KeyringTest, HasAtMostSixtyFourKeys) {
  std::string text = "active k0\n";
  for (int i = 0; i < 64; ++i) absl::StrAppend(&text, "key k", i, " ", kDigits, "\n");
  EXPECT_TRUE(Keyring::Parse(text).ok());
  EXPECT_THAT(WhyNot(absl::StrCat(text, "key k64 ", kDigits)), HasSubstr("line 66: more than 64 keys"));
}

TEST(KeyringTest, NewLinesAreKeysThatDiffer) {
  const std::string line = NewKeyringLine("k");
  EXPECT_TRUE(Keyring::Parse("active k\n" + line).ok());
  EXPECT_NE(line, NewKeyringLine("k"));
}

}  // namespace
}  // namespace authstate
