// Values in the tables that other programs write too.
#include "storage/postgres/layout/legacy_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "contract/codec.h"
#include "contract/limits.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }
Value Json(std::string text) { return {ValueKind::kJson, std::move(text)}; }

std::string Text(const Value& value) { return absl::StrCat(value.kind == ValueKind::kRaw ? "raw " : "", value.bytes); }

std::string Read(const std::string& text) {
  const auto value = FromLegacyJson(text);
  return value.ok() ? Text(*value) : std::string(value.status().message());
}

absl::Status WriteStatus(const std::string& json) { return ToLegacyJson(Json(json)).status(); }

TEST(FromLegacyJsonTest, ReadsBytesInAllForms) {
  EXPECT_EQ(Read(R"({"data": "YWJj", "type": "Buffer"})"), "raw abc");
  EXPECT_EQ(Read(R"({"data": [97, 98, 99], "type": "Buffer"})"), "raw abc");
  EXPECT_EQ(Read(R"({"0": 97, "1": 98, "2": 99})"), "raw abc");
  EXPECT_EQ(Read(R"({"data": "", "type": "Buffer"})"), "raw ");
  EXPECT_EQ(Read(R"({"data": [], "type": "Buffer"})"), "raw ");
  EXPECT_EQ(Read(R"({"0": 97})"), "raw a");
  EXPECT_EQ(FromLegacyJson(R"({"0": 0, "1": 255})").value(), Raw(std::string("\0\xff", 2)));
}

TEST(FromLegacyJsonTest, ReadsNumberedBytesInAnyOrder) {
  EXPECT_EQ(Read(R"({"1": 98, "0": 97})"), "raw ab");
  std::string text = "{";
  std::string bytes;
  // By their names as texts: 0, 1, 10, 11, 12, 2, …
  for (const char* place : {"0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    absl::StrAppend(&text, text.size() > 1 ? ", " : "", "\"", place, "\": ", 65 + std::stoi(place));
  }
  EXPECT_EQ(Read(text + "}"), "raw ABCDEFGHIJKL");
}

TEST(FromLegacyJsonTest, ReadsBytesInsideAValue) {
  const std::string wanted = R"({"private":{"type":"Buffer","data":"YQ=="},"public":{"type":"Buffer","data":"Yg=="}})";
  EXPECT_EQ(Read(R"({"private": {"0": 97}, "public": {"data": [98], "type": "Buffer"}})"), wanted);
  EXPECT_EQ(Read(R"([[{"0": 97}], {"0": {"0": 97}}])"),
            R"([[{"type":"Buffer","data":"YQ=="}],{"0":{"type":"Buffer","data":"YQ=="}}])");
}

TEST(FromLegacyJsonTest, LeavesEverythingElseAsItIs) {
  EXPECT_EQ(Read(R"("5511:7")"), R"("5511:7")");
  EXPECT_EQ(Read("[1, \"a\", null]"), R"([1,"a",null])");
  EXPECT_EQ(Read("null"), "null");
  EXPECT_EQ(Read("true"), "true");
  EXPECT_EQ(Read("-1.50"), "-1.50");
  EXPECT_EQ(Read("{}"), "{}");
  EXPECT_EQ(Read("[97, 98]"), "[97,98]");
  EXPECT_EQ(Read(R"({"5511@s.whatsapp.net": 1})"), R"({"5511@s.whatsapp.net":1})");
}

TEST(FromLegacyJsonTest, TakesNoNearMissForBytes) {
  for (const char* text : {R"({"0":1,"2":3})",
                           R"({"1":1})",
                           R"({"0":256})",
                           R"({"0":-1})",
                           R"({"0":1.0})",
                           R"({"0":1e0})",
                           R"({"01":1})",
                           R"({"00":1})",
                           R"({"0":"1"})",
                           R"({"0":null})",
                           R"({"0":[1]})",
                           R"({"0":1,"1":2,"x":3})",
                           R"({"x":3,"0":1})",
                           R"({"0":1,"0":2})",
                           R"({"-0":1})",
                           R"({" 0":1})",
                           R"({"":1})",
                           R"({"0":1,"99999999999999999999":1})",
                           R"({"type":"Buffer"})",
                           R"({"type":"Buffer","data":{}})",
                           R"({"type":"buffer","data":[1]})",
                           R"({"type":"Buffer","data":[1],"more":1})",
                           R"({"0":1,"type":"Buffer"})"}) {
    EXPECT_EQ(Read(text), text);
  }
}

TEST(FromLegacyJsonTest, RefusesWhatIsNoValueOfTheContract) {
  for (const char* text : {"", "{", R"({"a")", "[1,]", "[1 2]", R"({"a":1,})", "1 2",
                           R"({"type":"Buffer","data":[256]})", R"({"type":"Buffer","data":"?"})"}) {
    EXPECT_EQ(FromLegacyJson(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  const std::string too_deep(kMaxJsonDepth + 1, '[');
  EXPECT_EQ(FromLegacyJson(too_deep).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ToLegacyJsonTest, WritesBytesInTheFormThatOthersRead) {
  EXPECT_EQ(ToLegacyJson(Raw("abc")).value(), R"({"type":"Buffer","data":"YWJj"})");
  EXPECT_EQ(ToLegacyJson(Raw("")).value(), R"({"type":"Buffer","data":""})");
  const std::string nested = R"({"public":{"type":"Buffer","data":"YQ=="}})";
  EXPECT_EQ(ToLegacyJson(Json(nested)).value(), nested);
}

TEST(ToLegacyJsonTest, WhatIsWrittenIsReadBack) {
  for (const Value& value : {Raw("abc"), Raw(std::string(1, '\0')), Json("{}"), Json("[]"), Json("\"a\""),
                             Json("1e308"), Json(R"({"a":{"type":"Buffer","data":"YQ=="},"0":1})")}) {
    const auto json = ToLegacyJson(value);
    ASSERT_TRUE(json.ok()) << json.status();
    EXPECT_EQ(Text(*FromLegacyJson(*json)), Text(value));
  }
}

TEST(ToLegacyJsonTest, RefusesWhatJsonbCannotHold) {
  for (const char* text : {R"("\u0000")", R"({"a\u0000b":1})", R"([["x\\\u0000"]])", R"("\ud800")", R"("\udc00\ud800")",
                           "1e131072", "-1e999999999999999999999", "1e-16384", "1e-999999999999999999999"}) {
    const absl::Status status = WriteStatus(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ReasonOf(status), std::string(kNotInLayout)) << text;
  }
  for (const char* text :
       {R"("\\u0000")", R"("\ud83d\ude00")", R"("\u0001")", "1e131071", "1e-16383", "0.1E+5", "-0"}) {
    EXPECT_TRUE(WriteStatus(text).ok()) << text;
  }
}

TEST(ToLegacyJsonTest, RefusesNumbersThatJsonbWouldWriteOutWithoutMeasure) {
  std::string text = "[1e131071";
  for (int i = 0; i < 600; ++i) absl::StrAppend(&text, ",1e131071");
  EXPECT_FALSE(WriteStatus(text + "]").ok());
}

TEST(ToLegacyJsonTest, RefusesObjectsThatWouldComeBackAsBytes) {
  EXPECT_THAT(std::string(WriteStatus(R"({"0":5})").message()), HasSubstr("Buffer"));
  EXPECT_FALSE(WriteStatus(R"([{"0":5,"1":255}])").ok());
  EXPECT_TRUE(WriteStatus(R"({"0":true})").ok());
}

TEST(EncodeLegacyCommitTest, NamesWhatTheLayoutCannotHold) {
  Commit commit;
  commit.session_id = "s";
  commit.sets = {{{"session", "5511"}, Json("{}")}, {{"tctoken", "5511"}, Json(R"({"secret":"\u0000"})")}};
  const std::string message(EncodeLegacyCommit(commit).message());
  EXPECT_THAT(message, HasSubstr("sets[1].value (tctoken): "));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("5511")));

  commit.sets.clear();
  commit.creds = Json(R"("\ud800")");
  EXPECT_THAT(std::string(EncodeLegacyCommit(commit).message()), HasSubstr("creds: "));
}

TEST(EncodeLegacyCommitTest, WritesOnlySessionsThatTheOtherProgramsTake) {
  const auto code = [](const std::string& session_id, Commit::Action action) {
    Commit commit;
    commit.session_id = session_id;
    commit.action = action;
    return EncodeLegacyCommit(commit).code();
  };
  for (const std::string& taken : {std::string("962302"), std::string("a_B-9"), std::string(50, 'x')}) {
    EXPECT_EQ(code(taken, Commit::Action::kWrite), absl::StatusCode::kOk) << taken;
  }
  for (const std::string& refused :
       {std::string("a.b"), std::string("a@b"), std::string("a:b"), std::string(51, 'x')}) {
    EXPECT_EQ(code(refused, Commit::Action::kWrite), absl::StatusCode::kInvalidArgument) << refused;
    EXPECT_EQ(code(refused, Commit::Action::kDeleteSession), absl::StatusCode::kOk) << refused;
  }
}

}  // namespace
}  // namespace authstate::storage
