#include "contract/canonical_json.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/base64.h"
#include "contract/codec.h"
#include "contract/limits.h"

namespace authstate {
namespace {

// Texts of the vectors that the codec is tested with, also those that are no JSON.
std::vector<std::string> VectorTexts() {
  std::ifstream file(AUTHSTATE_CODEC_VECTORS);
  const nlohmann::json vectors = nlohmann::json::parse(file);
  std::vector<std::string> texts;
  const auto add_base64 = [&texts](const nlohmann::json& text) {
    std::string bytes;
    EXPECT_TRUE(absl::Base64Unescape(text.get<std::string>(), &bytes));
    texts.push_back(std::move(bytes));
  };
  for (const auto& vector : vectors["values"]) {
    texts.push_back(vector["bufferJson"].get<std::string>());
    texts.push_back(vector["canonicalText"].get<std::string>());
    add_base64(vector["bytes"]);
  }
  for (const auto& vector : vectors["invalid"]) add_base64(vector["text"]);
  return texts;
}

bool CodecLeavesItAlone(const std::string& text) {
  const absl::StatusOr<Value> value = ParseBufferJson(text);
  return value.ok() && *value == Value{ValueKind::kJson, text};
}

TEST(CanonicalJsonTest, EveryTextOfTheVectorsThatTheCodecLeavesAloneIsRecognized) {
  std::size_t recognized = 0;
  for (const std::string& text : VectorTexts()) {
    // What an escape may hide is left to the codec.
    if (!CodecLeavesItAlone(text) || absl::StrContains(text, '\\')) continue;
    EXPECT_TRUE(IsCanonicalJson(text)) << text.substr(0, 200);
    ++recognized;
  }
  EXPECT_GE(recognized, 100U);
}

// The one error that would be grave: a text that passes, and that the codec would refuse or rewrite.
TEST(CanonicalJsonTest, NothingPassesThatTheCodecWouldChangeOrRefuse) {
  constexpr std::size_t kLongest = 300;
  constexpr char kReplacements[] = "\"\\{}[]:, \t0-+.eEu=A\x01\x7f\x80\xc3\xff";
  std::size_t passed = 0;
  for (const std::string& text : VectorTexts()) {
    if (text.size() > kLongest) continue;
    std::vector<std::string> changed = {text, absl::StrCat(text, " "), absl::StrCat(text, text)};
    for (std::size_t i = 0; i < text.size(); ++i) {
      changed.push_back(text.substr(0, i));
      changed.push_back(text.substr(0, i) + text.substr(i + 1));
      for (const char replacement : kReplacements) {
        changed.push_back(text);
        changed.back()[i] = replacement;
      }
    }
    for (const std::string& candidate : changed) {
      if (!IsCanonicalJson(candidate)) continue;
      ++passed;
      EXPECT_TRUE(CodecLeavesItAlone(candidate)) << absl::CHexEscape(candidate);
    }
  }
  EXPECT_GE(passed, 1'000U);
}

TEST(CanonicalJsonTest, IsAsDeepAsTheCodecGoes) {
  for (const int depth : {kMaxJsonDepth, kMaxJsonDepth + 1}) {
    const auto levels = static_cast<std::size_t>(depth);
    const std::string text = absl::StrCat(std::string(levels, '['), std::string(levels, ']'));
    EXPECT_EQ(IsCanonicalJson(text), depth <= kMaxJsonDepth);
    EXPECT_EQ(CodecLeavesItAlone(text), depth <= kMaxJsonDepth);
  }
}

TEST(CanonicalJsonTest, FindsWhatEndsAStringWhereverItStands) {
  for (std::size_t length = 0; length < 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char c : {'"', '\\', '\x1f', '\n', '\xff'}) {
        std::string text = absl::StrCat("\"", std::string(length, 'x'), "\"");
        EXPECT_TRUE(IsCanonicalJson(text));
        text[1 + at] = c;
        EXPECT_FALSE(IsCanonicalJson(text)) << length << " " << at;
      }
    }
  }
  EXPECT_TRUE(IsCanonicalJson("\"0123456789\xc3\xa9 0123456789 \\u00e9\""));
}

TEST(IsBase64Test, AgreesWithTheDecoder) {
  const std::string characters = "AQgw/+=- ";
  std::string text;
  const auto check = [&text] {
    std::string bytes;
    EXPECT_EQ(IsBase64(text), DecodeBase64(text, &bytes)) << text;
  };
  check();
  // All texts of up to five of them.
  std::vector<std::size_t> digits;
  for (std::size_t length = 1; length <= 5; ++length) {
    digits.assign(length, 0);
    for (std::size_t carry = 0; carry < length;) {
      text.clear();
      for (const std::size_t digit : digits) text.push_back(characters[digit]);
      check();
      for (carry = 0; carry < length && ++digits[carry] == characters.size(); ++carry) digits[carry] = 0;
    }
  }
}

}  // namespace
}  // namespace authstate
