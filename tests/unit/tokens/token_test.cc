#include "tokens/token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace authstate::tokens {
namespace {

constexpr absl::string_view kId = "abcdefghijklmn27";
constexpr absl::string_view kSecret = "aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllll2345";

std::string Whole(absl::string_view id, absl::string_view secret) { return absl::StrCat("as_", id, "_", secret); }

storage::Grant GrantOf(const Token& token) {
  storage::Grant grant;
  token.PutInto(&grant);
  return grant;
}

TEST(TokenTest, TextOfANewTokenParsesToTheSameToken) {
  const Token token = Token::New();
  const std::string text = token.Text();
  EXPECT_EQ(text.size(), 72U);
  const auto parsed = Token::Parse(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->id(), token.id());
  EXPECT_EQ(parsed->Text(), text);
}

TEST(TokenTest, NoTwoAreAlike) {
  constexpr int kTokens = 200;
  std::set<std::string> ids;
  std::set<std::string> secrets;
  for (int i = 0; i < kTokens; ++i) {
    const std::string text = Token::New().Text();
    ids.insert(text.substr(0, text.size() - kSecretBytes));
    secrets.insert(text.substr(text.size() - kSecretBytes));
  }
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kTokens));
  EXPECT_EQ(secrets.size(), static_cast<std::size_t>(kTokens));
}

TEST(TokenTest, ASecretUsesEveryCharacterOfTheAlphabet) {
  std::set<char> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string text = Token::New().Text();
    seen.insert(text.end() - kSecretBytes, text.end());
  }
  EXPECT_EQ(std::string(seen.begin(), seen.end()), "234567abcdefghijklmnopqrstuvwxyz");
}

TEST(TokenTest, WhatHasAnotherFormIsNoToken) {
  ASSERT_TRUE(Token::Parse(Whole(kId, kSecret)).has_value());
  const std::string id(kId);
  const std::string secret(kSecret);
  const std::vector<std::string> malformed = {
      "",
      "as_",
      id,
      secret,
      absl::StrCat("as_", id),
      absl::StrCat("AS_", id, "_", secret),
      absl::StrCat("as-", id, "-", secret),
      absl::StrCat("as_", id, "a", secret),
      Whole(id, secret.substr(1)),
      Whole(id, secret + "a"),
      Whole(id.substr(1), "a" + secret),
      Whole(id.substr(1) + "1", secret),
      Whole(id.substr(1) + "A", secret),
      Whole(id, secret.substr(1) + "8"),
      Whole(id, secret.substr(1) + "_"),
      Whole(id, secret.substr(1) + " "),
      Whole(id, secret.substr(1) + std::string(1, '\0')),
      " " + Whole(id, secret),
      Whole(id, secret) + "\n",
  };
  for (const std::string& text : malformed) EXPECT_FALSE(Token::Parse(text).has_value()) << text;
}

TEST(TokenTest, MatchesTheGrantItWasPutInto) {
  const Token token = Token::New();
  const storage::Grant grant = GrantOf(token);
  EXPECT_EQ(grant.id, token.id());
  EXPECT_EQ(grant.hash_key.size(), 32U);
  EXPECT_EQ(grant.hash.size(), 32U);
  EXPECT_TRUE(Token::Parse(token.Text())->Matches(&grant));
}

TEST(TokenTest, EachGrantHasAHashUnderAKeyOfItsOwn) {
  const Token token = Token::New();
  EXPECT_NE(GrantOf(token).hash_key, GrantOf(token).hash_key);
  EXPECT_NE(GrantOf(token).hash, GrantOf(token).hash);
}

TEST(TokenTest, AnotherSecretOfTheSameIdDoesNotMatch) {
  const Token token = Token::New();
  const storage::Grant grant = GrantOf(token);
  EXPECT_FALSE(Token::New(token.id()).Matches(&grant));
  std::string text = token.Text();
  text.back() = text.back() == 'a' ? 'b' : 'a';
  EXPECT_FALSE(Token::Parse(text)->Matches(&grant));
}

TEST(TokenTest, TheSecretOfAnotherIdDoesNotMatch) {
  const Token token = Token::New();
  storage::Grant grant = GrantOf(token);
  grant.id = std::string(kId);
  EXPECT_FALSE(token.Matches(&grant));
}

TEST(TokenTest, MatchesNothingThatHasNoHash) {
  const Token token = Token::New();
  storage::Grant of_certificate = GrantOf(token);
  of_certificate.hash_key.clear();
  of_certificate.hash.clear();
  EXPECT_FALSE(token.Matches(&of_certificate));
  EXPECT_FALSE(token.Matches(nullptr));
}

TEST(TokenTest, IsMovedWhole) {
  Token token = Token::New();
  const std::string text = token.Text();
  Token moved(std::move(token));
  EXPECT_EQ(moved.Text(), text);
  Token assigned = Token::New();
  assigned = std::move(moved);
  EXPECT_EQ(assigned.Text(), text);
}

TEST(TokenTest, WipingLeavesNothing) {
  std::string text = Token::New().Text();
  const char* const bytes = text.data();
  const std::size_t size = text.size();
  Token::Wipe(&text);
  EXPECT_TRUE(text.empty());
  // An emptied string keeps its room, in which the secret was.
  EXPECT_EQ(std::string(bytes, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace authstate::tokens
