// Many commits, takeovers and restarts while the far store fails at random: nothing that was acknowledged is lost.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/memory/memory_backend.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

class RandomFaultsTest : public testing::TestWithParam<unsigned> {};

TEST_P(RandomFaultsTest, WhatWasAcknowledgedIsInTheFarStore) {
  constexpr int kSteps = 150;
  std::mt19937 random(GetParam());
  const auto one_of = [&random](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const std::unique_ptr<Backend> far = NewMemoryBackend();
  Server server{far.get()};
  server.options().stop_timeout = absl::Milliseconds(20);
  ASSERT_TRUE(server.Open().ok());
  std::map<std::string, std::string> keys;
  std::uint64_t fence = server.Acquire("s", "a");
  std::uint64_t number = 0;
  for (int i = 0; i < kSteps; ++i) {
    const int action = one_of(12);
    if (action == 0) {
      server.far().mode = one_of(4);
    } else if (action == 1) {
      // The lease goes on, here or in the far store, or nobody knows; whatever it is, it is found again.
      server.Close();
      server.far().mode = server.far().mode == FarBehaviour::kAway ? FarBehaviour::kAway : FarBehaviour::kWorks;
      ASSERT_TRUE(server.Open().ok());
      server.far().mode = FarBehaviour::kWorks;
      EXPECT_EQ(server.Acquire("s", "a"), fence);
    } else if (action == 2) {
      server.far().mode = FarBehaviour::kWorks;
      ASSERT_TRUE(server.Release("s", fence).ok());
      fence = server.Acquire("s", "a");
      number = 0;
    } else {
      const std::string id = std::to_string(one_of(5));
      Commit commit = SetKey("s", fence, id, absl::StrCat("v", i));
      if (one_of(5) == 0) {
        commit.sets.clear();
        commit.deletes = {{"t", id}};
      }
      if (one_of(10) == 0) commit.clear_keys = true;
      commit.number = ++number;
      const auto applied = server.Apply(commit);
      ASSERT_TRUE(applied.ok()) << applied.status();
      if (commit.clear_keys) keys.clear();
      if (commit.sets.empty()) {
        keys.erase(id);
      } else {
        keys[id] = absl::StrCat("v", i);
      }
    }
  }
  server.far().mode = FarBehaviour::kWorks;
  AwaitSame(server.backend(), *far, "s");
  for (int i = 0; i < 5; ++i) {
    const std::string id = std::to_string(i);
    const auto value = server.Key("s", id);
    EXPECT_EQ(value.has_value() ? value->bytes : "none", keys.count(id) > 0 ? keys[id] : "none") << id;
  }
  server.options().stop_timeout = absl::Seconds(10);
  ASSERT_TRUE(server.Release("s", fence).ok());
  EXPECT_FALSE(LeaseIn(*far, "s").held());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaultsTest, testing::Range(0U, 12U));

}  // namespace
}  // namespace authstate::storage
