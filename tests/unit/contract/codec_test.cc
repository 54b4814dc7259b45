#include "contract/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// tests/vectors/README.md has the fields. The same file is checked by the codec's twin in client/node.
const nlohmann::json& Vectors() {
  static const auto* const vectors = [] {
    std::ifstream file(AUTHSTATE_CODEC_VECTORS);
    return new nlohmann::json(nlohmann::json::parse(file));
  }();
  return *vectors;
}

std::string FromBase64(const nlohmann::json& text) {
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(text.get<std::string>(), &bytes));
  return bytes;
}

TEST(CodecVectors, AreThere) {
  EXPECT_GE(Vectors()["values"].size(), 100U);
  EXPECT_GE(Vectors()["invalid"].size(), 90U);
}

TEST(CodecVectors, EveryTextParsesToItsValue) {
  for (const auto& vector : Vectors()["values"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const absl::StatusOr<Value> value = ParseBufferJson(vector["bufferJson"].get<std::string>());
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(value->kind == ValueKind::kRaw ? "raw" : "json", vector["kind"]);
    EXPECT_EQ(value->bytes, FromBase64(vector["bytes"]));
  }
}

TEST(CodecVectors, EveryValueIsWrittenAsItsCanonicalText) {
  for (const auto& vector : Vectors()["values"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Value value{vector["kind"] == "raw" ? ValueKind::kRaw : ValueKind::kJson, FromBase64(vector["bytes"])};
    EXPECT_EQ(ToBufferJson(value), vector["canonicalText"].get<std::string>());
  }
}

TEST(CodecVectors, TheCanonicalFormIsStable) {
  for (const auto& vector : Vectors()["values"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Value value{vector["kind"] == "raw" ? ValueKind::kRaw : ValueKind::kJson, FromBase64(vector["bytes"])};
    const absl::StatusOr<Value> again = Canonicalize(value);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, value);
  }
}

TEST(CodecVectors, EveryInvalidTextIsRefusedWithItsReason) {
  for (const auto& vector : Vectors()["invalid"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const absl::StatusOr<Value> value = ParseBufferJson(FromBase64(vector["text"]));
    ASSERT_TRUE(absl::IsInvalidArgument(value.status())) << value.status();
    EXPECT_THAT(value.status().message(), HasSubstr(vector["reasonContains"].get<std::string>()));
  }
}

TEST(CodecTest, ARawValueIsKeptWhateverItsBytes) {
  const Value value{ValueKind::kRaw, std::string("\0\xff{", 3)};
  const absl::StatusOr<Value> canonical = Canonicalize(value);
  ASSERT_TRUE(canonical.ok());
  EXPECT_EQ(*canonical, value);
}

TEST(CodecTest, AnErrorDoesNotQuoteTheText) {
  const absl::StatusOr<Value> value = ParseBufferJson(R"({"privateKey":"s3cret"; })");
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(std::string(value.status().message()), Not(HasSubstr("s3cret")));
}

TEST(CodecTest, AnErrorTellsTheOffset) {
  const absl::StatusOr<Value> value = ParseBufferJson("[1, 2, x]");
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(std::string(value.status().message()), HasSubstr("at byte 7"));
}

}  // namespace
}  // namespace authstate
