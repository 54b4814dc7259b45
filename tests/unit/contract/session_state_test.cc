#include "contract/session_state.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace authstate {
namespace {

SessionState OfJson(std::string creds) { return StateOf(Value{ValueKind::kJson, std::move(creds)}); }

TEST(SessionStateTest, IsToldByTheCreds) {
  EXPECT_EQ(StateOf(std::nullopt), SessionState::kOrphaned);
  EXPECT_EQ(OfJson("{}"), SessionState::kUnpaired);
  EXPECT_EQ(OfJson(R"({"me":{"name":"~"},"account":{}})"), SessionState::kUnpaired);
  EXPECT_EQ(OfJson(R"({"me":{"id":"55@s.whatsapp.net"},"pairingCode":"AB"})"), SessionState::kCodeRequested);
  EXPECT_EQ(OfJson(R"({"me":{"id":"55@s.whatsapp.net"}})"), SessionState::kHalfPaired);
  EXPECT_EQ(OfJson(R"({"me":{"id":"55@s.whatsapp.net"},"account":{}})"), SessionState::kHalfPaired);
  EXPECT_EQ(OfJson(R"({"me":{"id":"55:1@s.whatsapp.net"},"account":null})"), SessionState::kHalfPaired);
  EXPECT_EQ(OfJson(R"({"me":{"id":"55:1@s.whatsapp.net"},"account":{},"registered":false})"), SessionState::kPaired);
}

TEST(SessionStateTest, OfWhatIsNoObjectIsDamaged) {
  for (const char* const text : {"null", "[]", "\"{}\"", "1"}) EXPECT_EQ(OfJson(text), SessionState::kDamaged) << text;
  EXPECT_EQ(StateOf(Value{ValueKind::kRaw, "{}"}), SessionState::kDamaged);
}

TEST(SessionStateTest, EachHasANameOfItsOwnByWhichItIsFound) {
  std::set<absl::string_view> names;
  for (const SessionState state : kSessionStates) {
    EXPECT_TRUE(names.insert(NameOf(state)).second);
    EXPECT_EQ(SessionStateNamed(NameOf(state)), state);
  }
  EXPECT_EQ(SessionStateNamed("Paired"), std::nullopt);
}

}  // namespace
}  // namespace authstate
