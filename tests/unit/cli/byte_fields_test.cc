#include "client/cli/folder/byte_fields.h"

#include <gtest/gtest.h>

#include <string>

#include "client/cli/folder/creds_value.h"
#include "contract/codec.h"
#include "tests/support/working_creds.h"

namespace authstate::cli {
namespace {

// What MendByteFields makes of a value of `type`, as JSON; what it leaves alone comes back as it was.
std::string Mended(absl::string_view type, const std::string& json) {
  absl::StatusOr<Value> value = ParseBufferJson(json);
  EXPECT_TRUE(value.ok()) << value.status();
  const Value before = *value;
  const bool changed = MendByteFields(type, &*value);
  EXPECT_EQ(changed, *value != before);
  return ToBufferJson(*value);
}

TEST(ByteFieldsTest, BytesByPlaceAreBuffersInCreds) {
  std::string by_place;
  std::string array;
  for (std::size_t i = 0; i < test::kKeyBytes; ++i) {
    by_place += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":97";
    array += i == 0 ? "97" : ",97";
  }
  for (const std::string& form : {"{" + by_place + "}", "[" + array + "]", R"({"buffer":true,"data":[)" + array + "]}",
                                  R"({"type":"Buffer","data":{)" + by_place + "}}"}) {
    EXPECT_EQ(Mended(kCredsType, test::WorkingCreds("demo", form)), test::WorkingCreds("demo")) << form;
  }
}

TEST(ByteFieldsTest, EveryElementIsReached) {
  EXPECT_EQ(Mended(kCredsType, R"({"signalIdentities":[{"identifierKey":{"1":2,"0":1}},{"identifierKey":[3]}]})"),
            R"({"signalIdentities":[{"identifierKey":{"type":"Buffer","data":"AQI="}},)"
            R"({"identifierKey":{"type":"Buffer","data":"Aw=="}}]})");
  EXPECT_EQ(Mended("app-state-sync-version", R"({"indexValueMap":{"a":{"valueMac":[1,2]},"b":{"valueMac":"AQI="}}})"),
            R"({"indexValueMap":{"a":{"valueMac":{"type":"Buffer","data":"AQI="}},"b":{"valueMac":"AQI="}}})");
}

TEST(ByteFieldsTest, BothFormsOfMongoDbsBinaryAreBytes) {
  for (const std::string form :
       {R"({"$binary":{"base64":"AQI=","subType":"00"}})", R"({"$binary":"AQI=","$type":"00"})"}) {
    EXPECT_EQ(BytesOf(form), "\x01\x02") << form;
  }
}

TEST(ByteFieldsTest, TheValueItselfMayBeBytes) {
  EXPECT_EQ(Mended("sender-key", R"({"0":1,"1":2})"), R"({"type":"Buffer","data":"AQI="})");
  EXPECT_EQ(Mended("identity-key", "[1,2]"), R"({"type":"Buffer","data":"AQI="})");
}

TEST(ByteFieldsTest, OtherFieldsAndOtherTypesStayAsTheyAre) {
  for (const std::string json :
       {R"({"lastPropHash":{"0":1},"n":1e400,"odd":"\ud800"})", R"({"accountSettings":[1]})"}) {
    EXPECT_EQ(Mended(kCredsType, json), json);
  }
  EXPECT_EQ(Mended("sender-key-memory", R"({"0":1})"), R"({"0":1})");
  EXPECT_EQ(Mended("device-list", "[0,7]"), "[0,7]");
}

TEST(ByteFieldsTest, WhatIsNoFormOfBytesStaysAsItIs) {
  for (const std::string json :
       {R"({"private":{}})", R"({"private":[]})", R"({"private":{"0":256}})", R"({"private":{"0":1,"2":3}})",
        R"({"private":{"0":1,"00":3}})", R"({"private":{"0":1,"0":3}})", R"({"private":[1.5]})", R"({"private":[-1]})",
        R"({"private":["1"]})", R"({"private":"AQI="})", R"({"private":null})", R"({"private":{"data":"AQI="}})"}) {
    EXPECT_EQ(Mended("pre-key", json), json);
  }
}

}  // namespace
}  // namespace authstate::cli
