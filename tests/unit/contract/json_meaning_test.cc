#include "contract/json_meaning.h"

#include <gtest/gtest.h>

#include <string>

namespace authstate {
namespace {

bool SameMeaning(absl::string_view a, absl::string_view b) {
  const auto first = JsonMeaning(a);
  const auto second = JsonMeaning(b);
  EXPECT_TRUE(first.ok() && second.ok()) << a << " " << b;
  return first.ok() && second.ok() && *first == *second;
}

// Left as sent, right as PostgreSQL's JSONB gives it back.
TEST(JsonMeaningTest, WhatJsonbRewritesMeansTheSame) {
  EXPECT_TRUE(SameMeaning(R"({"b":1,"a":[1,{"d":2,"c":3}]})", R"({"a": [1, {"c": 3, "d": 2}], "b": 1})"));
  EXPECT_TRUE(SameMeaning(R"({"a":1,"b":2,"a":3})", R"({"a": 3, "b": 2})"));
  EXPECT_TRUE(SameMeaning("1e3", "1000"));
  EXPECT_TRUE(SameMeaning("1.50", "1.5"));
  EXPECT_TRUE(SameMeaning("-0", "0"));
  EXPECT_TRUE(SameMeaning("0.1e-2", "0.001"));
  EXPECT_TRUE(SameMeaning(R"("\u0041\/\u00e9\ud83d\ude00")", "\"A/\xc3\xa9\xf0\x9f\x98\x80\""));
  EXPECT_TRUE(SameMeaning(R"({"\u0061":1})", R"({"a":1})"));
  EXPECT_TRUE(SameMeaning("123456789012345678901234567890", "123456789012345678901234567890.0"));
}

TEST(JsonMeaningTest, WhatBaileysReadsDifferentlyMeansSomethingElse) {
  EXPECT_FALSE(SameMeaning("[1,2]", "[2,1]"));
  EXPECT_FALSE(SameMeaning("[1,[2]]", "[[1],2]"));
  EXPECT_FALSE(SameMeaning("[[],[]]", "[[[]]]"));
  EXPECT_FALSE(SameMeaning(R"({"a":1})", R"({"a":2})"));
  EXPECT_FALSE(SameMeaning(R"({"a":1})", R"({"b":1})"));
  EXPECT_FALSE(SameMeaning(R"({"a":1})", R"({"a":1,"b":null})"));
  EXPECT_FALSE(SameMeaning("1", "\"1\""));
  EXPECT_FALSE(SameMeaning("true", "\"true\""));
  EXPECT_FALSE(SameMeaning("null", "false"));
  EXPECT_FALSE(SameMeaning("{}", "[]"));
  EXPECT_FALSE(SameMeaning("\"\"", "null"));
  EXPECT_FALSE(SameMeaning("1", "1.0000001"));
  EXPECT_FALSE(SameMeaning(R"("\ud800")", R"("\ud801")"));
  EXPECT_FALSE(SameMeaning(R"({"a":{"b":1},"c":2})", R"({"a":{"b":1,"c":2}})"));
}

TEST(JsonMeaningTest, MalformedTextIsAnErrorThatDoesNotQuoteIt) {
  for (const char* const text : {"", "{", "[1,]", R"({"secret":})", R"({"secret" 1})", "[1 2]", "1 2", "nul"}) {
    const auto meaning = JsonMeaning(text);
    ASSERT_TRUE(absl::IsInvalidArgument(meaning.status())) << text;
    EXPECT_EQ(std::string(meaning.status().message()).find("secret"), std::string::npos);
  }
}

TEST(JsonMeaningTest, DepthIsBounded) {
  const std::size_t too_deep = 100'000;
  EXPECT_TRUE(absl::IsInvalidArgument(JsonMeaning(std::string(too_deep, '[')).status()));
}

}  // namespace
}  // namespace authstate
