#include "storage/postgres/session/patch_bases.h"

#include <gtest/gtest.h>

#include <string>

namespace authstate::storage {
namespace {

const KeyName kName = {"session", "1"};

TEST(PatchBasesTest, KeepsTheLastOfAKey) {
  PatchBases bases(1000);
  EXPECT_EQ(bases.Find("s", kName), nullptr);
  bases.Put("s", kName, "old");
  bases.Put("s", kName, "new");
  ASSERT_NE(bases.Find("s", kName), nullptr);
  EXPECT_EQ(*bases.Find("s", kName), "new");
  EXPECT_EQ(bases.Find("other", kName), nullptr);
  EXPECT_EQ(bases.Find("s", {"session", "2"}), nullptr);
}

TEST(PatchBasesTest, ForgetsWhatWasNotAskedForTheLongest) {
  constexpr std::size_t kBaseBytes = 400;
  PatchBases bases(3 * kBaseBytes);
  bases.Put("a", kName, std::string(kBaseBytes, 'a'));
  bases.Put("b", kName, std::string(kBaseBytes, 'b'));
  ASSERT_NE(bases.Find("a", kName), nullptr);
  bases.Put("c", kName, std::string(kBaseBytes, 'c'));
  EXPECT_NE(bases.Find("a", kName), nullptr);
  EXPECT_EQ(bases.Find("b", kName), nullptr);
  EXPECT_NE(bases.Find("c", kName), nullptr);
  EXPECT_LE(bases.bytes(), 3 * kBaseBytes);
}

TEST(PatchBasesTest, WhatIsLargerThanItAllDoesNotStay) {
  PatchBases bases(10);
  bases.Put("s", kName, std::string(100, 'x'));
  EXPECT_EQ(bases.Find("s", kName), nullptr);
  EXPECT_EQ(bases.bytes(), 0U);
}

TEST(PatchBasesTest, ForgottenIsGoneAndTakesNoRoom) {
  PatchBases bases(1000);
  bases.Put("s", kName, "base");
  const auto held = bases.Find("s", kName);
  bases.Forget("s", kName);
  EXPECT_EQ(bases.Find("s", kName), nullptr);
  EXPECT_EQ(bases.bytes(), 0U);
  EXPECT_EQ(*held, "base");
}

}  // namespace
}  // namespace authstate::storage
