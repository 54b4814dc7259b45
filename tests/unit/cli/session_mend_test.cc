#include "client/cli/check/session_mend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/working_creds.h"

namespace authstate::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Value Creds(const std::string& counters) {
  return {ValueKind::kJson,
          absl::StrReplaceAll(test::WorkingCreds(), {{R"(,"me":)", absl::StrCat(counters, R"(,"me":)")}})};
}

Mended Mend(const Value& creds, const std::vector<client::KeyEntry>& keys = {}) {
  SessionMend mend;
  mend.AddCreds(creds);
  for (const client::KeyEntry& key : keys) mend.AddKey(key);
  return std::move(mend).Finish();
}

client::KeyEntry PreKey(int id) { return {{"pre-key", std::to_string(id)}, {ValueKind::kJson, "{}"}}; }

std::vector<std::string> Reasons(const Mended& mended) {
  std::vector<std::string> reasons;
  for (const MendStep& step : mended.steps) reasons.push_back(step.reason);
  return reasons;
}

TEST(SessionMendTest, SoundCountersStayWhereIdsAreMissingToo) {
  const Mended mended = Mend(Creds(R"(,"firstUnuploadedPreKeyId":31,"nextPreKeyId":31)"), {PreKey(3), PreKey(30)});
  EXPECT_THAT(mended.steps, IsEmpty());
  EXPECT_FALSE(mended.creds.has_value());
}

TEST(SessionMendTest, CountersGoAboveTheHighestPreKeyAndTheRestStaysAsItIs) {
  const Mended mended = Mend(Creds(R"(,"firstUnuploadedPreKeyId":5,"nextPreKeyId":9)"), {PreKey(10), PreKey(9)});
  EXPECT_THAT(Reasons(mended), ElementsAre("COUNTERS_RAISED"));
  EXPECT_THAT(mended.steps[0].message, HasSubstr("the highest pre-key is 10"));
  ASSERT_TRUE(mended.creds.has_value());
  EXPECT_EQ(*mended.creds, Creds(R"(,"firstUnuploadedPreKeyId":11,"nextPreKeyId":11)"));
}

TEST(SessionMendTest, CountersOutOfOrderAreBothRaised) {
  EXPECT_EQ(*Mend(Creds(R"(,"firstUnuploadedPreKeyId":40,"nextPreKeyId":9)"), {PreKey(10)}).creds,
            Creds(R"(,"firstUnuploadedPreKeyId":40,"nextPreKeyId":40)"));
}

TEST(SessionMendTest, CountersThatAreMissingAreMade) {
  const Mended mended = Mend(Creds(""), {PreKey(10)});
  ASSERT_TRUE(mended.creds.has_value());
  EXPECT_THAT(mended.creds->bytes, HasSubstr(R"("me":"demo","nextPreKeyId":11,"firstUnuploadedPreKeyId":11})"));
}

TEST(SessionMendTest, IdsThatAreUsedUpCannotBeMended) {
  EXPECT_THAT(Mend(Creds(R"(,"firstUnuploadedPreKeyId":5,"nextPreKeyId":9)"), {PreKey((1 << 24) - 1)}).steps,
              IsEmpty());
}

TEST(SessionMendTest, CredsThatWereEncodedTwiceAreUnwrapped) {
  const Value creds = Creds(R"(,"firstUnuploadedPreKeyId":1,"nextPreKeyId":1)");
  const Value wrapped{ValueKind::kJson, absl::StrCat("\"", absl::StrReplaceAll(creds.bytes, {{"\"", "\\\""}}), "\"")};
  const Mended mended = Mend(wrapped);
  EXPECT_THAT(Reasons(mended), ElementsAre("CREDS_UNWRAPPED"));
  EXPECT_EQ(*mended.creds, creds);
}

TEST(SessionMendTest, BytesThatStandAsNumbersBecomeBuffersAndOtherKeysStay) {
  const client::KeyEntry numbers{{"pre-key", "7"}, {ValueKind::kJson, R"({"public":{"0":65}})"}};
  const Mended mended = Mend(Creds(R"(,"firstUnuploadedPreKeyId":8,"nextPreKeyId":8)"), {PreKey(1), numbers});
  EXPECT_THAT(Reasons(mended), ElementsAre("KEY_BYTES"));
  EXPECT_FALSE(mended.creds.has_value());
  ASSERT_EQ(mended.keys.size(), 1U);
  EXPECT_EQ(mended.keys[0].value.bytes, R"({"public":{"type":"Buffer","data":"QQ=="}})");
}

TEST(SessionMendTest, CredsThatCannotWorkAreLeftAsTheyAre) {
  const Mended mended = Mend({ValueKind::kJson, R"({"nextPreKeyId":1})"}, {PreKey(10)});
  EXPECT_THAT(mended.steps, IsEmpty());
  EXPECT_TRUE(mended.after.wrong());
}

}  // namespace
}  // namespace authstate::cli
