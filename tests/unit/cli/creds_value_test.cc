#include "client/cli/folder/creds_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/support/working_creds.h"

namespace authstate::cli {
namespace {

using test::KeyBuffer;
using test::WorkingCreds;
using ::testing::HasSubstr;

absl::Status Check(const std::string& text) { return CheckCreds({ValueKind::kJson, text}); }

TEST(CredsValueTest, CredsOfAnAccountThatIsNotPairedYetWork) {
  const absl::Status status = Check(WorkingCreds());
  EXPECT_TRUE(status.ok()) << status;
}

TEST(CredsValueTest, TheMemberAtFaultIsNamed) {
  const std::string good = WorkingCreds();
  const std::string private_key = KeyBuffer('a');
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"{}", "noiseKey.private is missing"},
      {absl::StrReplaceAll(good, {{"noiseKey", "other"}}), "noiseKey.private is missing"},
      {WorkingCreds("x", R"({"type":"Buffer","data":"AQI="})"), "noiseKey.private has 2 bytes, not 32"},
      {WorkingCreds("x", R"("AQI=")"), "noiseKey.private is no Buffer"},
      {WorkingCreds("x", "null"), "noiseKey.private is no Buffer"},
      {WorkingCreds("x", R"({"0":1,"1":2})"), "noiseKey.private is no Buffer"},
      {absl::StrReplaceAll(good, {{"signedIdentityKey", "other"}}), "signedIdentityKey.private is missing"},
      {absl::StrReplaceAll(good, {{"keyPair", "other"}}), "signedPreKey.keyPair.private is missing"},
      {absl::StrReplaceAll(good, {{"signature", "other"}}), "signedPreKey.signature is missing"},
      {absl::StrReplaceAll(good, {{KeyBuffer('e', 64), KeyBuffer('e')}}),
       "signedPreKey.signature has 32 bytes, not 64"},
      {absl::StrReplaceAll(good, {{"\"registrationId\":7", "\"other\":7"}}), "registrationId is missing"},
      {absl::StrReplaceAll(good, {{"\"registrationId\":7", R"("registrationId":"7")"}}),
       "registrationId is no integer"},
      {absl::StrReplaceAll(good, {{"\"registrationId\":7", "\"registrationId\":4294967296"}}),
       "registrationId is no integer"},
      // The last of two members of one name is the one that JavaScript reads.
      {absl::StrReplaceAll(good, {{"\"registrationId\":7", R"("registrationId":7,"registrationId":null)"}}),
       "registrationId is no integer"}};
  for (const auto& [text, what] : bad) {
    const absl::Status status = Check(text);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << text;
  }
}

TEST(CredsValueTest, NamesAreFoundHoweverTheyAreWritten) {
  const absl::Status status = Check(absl::StrReplaceAll(WorkingCreds(), {{"noiseKey", R"(\u006eoiseKey)"}}));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(CredsValueTest, OnlyAStringThatHoldsAnObjectIsUnwrapped) {
  EXPECT_EQ(UnwrapCreds({ValueKind::kJson, R"("{\"a\":{\"type\":\"Buffer\",\"data\":[1,2]}}")"}),
            (Value{ValueKind::kJson, R"({"a":{"type":"Buffer","data":"AQI="}})"}));
  for (const char* const text : {"{}", "null", "\"null\"", "\"text\"", "\"[]\"", R"("\ud800")"}) {
    EXPECT_EQ(UnwrapCreds({ValueKind::kJson, text}), std::nullopt) << text;
  }
  EXPECT_EQ(UnwrapCreds({ValueKind::kRaw, "{}"}), std::nullopt);
}

}  // namespace
}  // namespace authstate::cli
