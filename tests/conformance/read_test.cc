// Reads: each request and each key answered in its place, absence as a value.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::ReadRequest;

class ReadTest : public ConformanceTest {};

TEST_F(ReadTest, OfASessionNeverWrittenIsAbsence) {
  const auto read = MustRead("never", {{"t", "1"}});
  EXPECT_FALSE(read.exists);
  EXPECT_EQ(read.creds, std::nullopt);
  EXPECT_EQ(read.values[0], std::nullopt);
}

TEST_F(ReadTest, AnswersKeysInTheOrderOfTheRequest) {
  MustApply(SetKeys("s", {{{"b", "1"}, Raw("b1")}, {{"a", "2"}, Raw("a2")}, {{"a", "1"}, Raw("a1")}}));
  const auto read = MustRead("s", {{"b", "1"}, {"a", "3"}, {"a", "1"}, {"b", "2"}, {"a", "2"}, {"a", "1"}});
  EXPECT_EQ(read.values[0], Raw("b1"));
  EXPECT_EQ(read.values[1], std::nullopt);
  EXPECT_EQ(read.values[2], Raw("a1"));
  EXPECT_EQ(read.values[3], std::nullopt);
  EXPECT_EQ(read.values[4], Raw("a2"));
  EXPECT_EQ(read.values[5], Raw("a1"));
}

TEST_F(ReadTest, OneSessionTwiceInABatchIsAnsweredTwice) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}}));
  const auto answers = Read({{"s", false, {{"t", "2"}}}, {"never", true, {}}, {"s", true, {{"t", "1"}}}});
  ASSERT_TRUE(answers[0].ok() && answers[1].ok() && answers[2].ok());
  EXPECT_EQ(answers[0]->values, (std::vector<std::optional<Value>>{Raw("2")}));
  EXPECT_FALSE(answers[1]->exists);
  EXPECT_EQ(answers[2]->values, (std::vector<std::optional<Value>>{Raw("1")}));
}

TEST_F(ReadTest, LeavesOutCredsThatWereNotAskedFor) {
  MustApply(SetCreds("s", Json("{}")));
  const auto read = Read(ReadRequest{"s", false, {}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->exists);
  EXPECT_EQ(read->revision, 1U);
  EXPECT_EQ(read->creds, std::nullopt);
}

TEST_F(ReadTest, EmptyValueIsAValue) {
  storage::Commit commit = SetKeys("s", {{{"tctoken", "1"}, Raw("")}});
  commit.creds = Raw("");
  MustApply(commit);
  const auto read = MustRead("s", {{"tctoken", "1"}});
  EXPECT_EQ(read.creds, Raw(""));
  EXPECT_EQ(read.values[0], Raw(""));
  EXPECT_EQ(Whole("s"), (WholeSession{1, Raw(""), {{{"tctoken", "1"}, Raw("")}}}));
}

TEST_F(ReadTest, ReturnsEveryByteAsItWasWritten) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  const std::string nul = store().keeps_json_text() ? "\\u0000" : "";
  const std::string json = R"({"a":")" + nul + " \\\\x41 \xc3\xa9 NULL {,}\"}";
  storage::Commit commit = SetKeys("s", {{{"t", "raw"}, Raw(bytes)},
                                         {{"t", "json"}, Json(json)},
                                         {{"t", "hex"}, Raw("\\x00")},
                                         {{"t", "nul"}, Raw(std::string(3, '\0'))}});
  MustApply(commit);
  const auto read = MustRead("s", {{"t", "raw"}, {"t", "json"}, {"t", "hex"}, {"t", "nul"}});
  for (std::size_t i = 0; i < commit.sets.size(); ++i) EXPECT_EQ(read.values[i], commit.sets[i].value) << i;
}

TEST_F(ReadTest, ValuesOfExactlyTheLimitAreAnswered) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw(std::string(600, 'a'))}, {{"t", "2"}, Raw(std::string(400, 'b'))}}));
  const auto read = Read(ReadRequest{"s", false, {{"t", "1"}, {"t", "2"}, {"t", "3"}}, 1000});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->values[1], Raw(std::string(400, 'b')));
}

TEST_F(ReadTest, ValuesOverTheLimitAreRefusedAndOthersAnswered) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw(std::string(600, 'a'))}, {{"t", "2"}, Raw(std::string(401, 'b'))}}));
  const auto answers = Read({{"s", false, {{"t", "1"}}, 1000},
                             {"s", false, {{"t", "1"}, {"t", "2"}}, 1000},
                             {"s", false, {{"t", "2"}}, 1000}});
  ASSERT_TRUE(answers[0].ok()) << answers[0].status();
  EXPECT_EQ(answers[0]->values[0], Raw(std::string(600, 'a')));
  EXPECT_TRUE(FailsWith(answers[1], absl::StatusCode::kResourceExhausted, storage::kResponseTooLarge));
  ASSERT_TRUE(answers[2].ok()) << answers[2].status();
  EXPECT_EQ(answers[2]->values[0], Raw(std::string(401, 'b')));
}

TEST_F(ReadTest, CredsAloneAreWithinTheLimitToo) {
  MustApply(SetCreds("s", Raw(std::string(1001, 'c'))));
  const auto answers = Read({{"s", true, {}, 1000}, {"s", true, {}, 1001}, {"s", true, {{"t", "1"}}, 1000}});
  EXPECT_TRUE(FailsWith(answers[0], absl::StatusCode::kResourceExhausted, storage::kResponseTooLarge));
  ASSERT_TRUE(answers[1].ok()) << answers[1].status();
  EXPECT_EQ(answers[1]->creds, Raw(std::string(1001, 'c')));
  EXPECT_TRUE(FailsWith(answers[2], absl::StatusCode::kResourceExhausted, storage::kResponseTooLarge));
}

}  // namespace
}  // namespace authstate::conformance
