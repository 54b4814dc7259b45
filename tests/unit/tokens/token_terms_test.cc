#include "tokens/token_terms.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace authstate::tokens {
namespace {

using storage::Grant;
using storage::Right;

Grant Sound() {
  Grant grant;
  grant.label = "pool 1";
  grant.rights = static_cast<storage::Rights>(Right::kRead);
  grant.scopes = {{"sales", false}};
  return grant;
}

TEST(TokenTermsTest, WhatIsWithinTheLimitsHasNoFault) {
  Grant grant = Sound();
  EXPECT_FALSE(FaultOfTerms(grant, std::nullopt).has_value());
  EXPECT_FALSE(FaultOfTerms(grant, absl::Seconds(1)).has_value());
  EXPECT_FALSE(FaultOfTerms(grant, absl::Hours(24) * 36'500).has_value());
  grant.label = std::string(200, 'x');
  grant.rights = storage::kAllRights;
  grant.scopes.assign(100, {"", true});
  grant.certificate_name = "DNS:" + std::string(296, 'x');
  EXPECT_FALSE(FaultOfTerms(grant, std::nullopt).has_value());
  grant = Sound();
  grant.rights = static_cast<storage::Rights>(Right::kAdmin);
  grant.scopes.clear();
  EXPECT_FALSE(FaultOfTerms(grant, std::nullopt).has_value());
}

TEST(TokenTermsTest, AFaultNamesTheFieldAndTheRule) {
  struct Case {
    std::function<void(Grant&)> spoil;
    std::string field;
    std::string rule;
  };
  const std::vector<Case> cases = {
      {[](Grant& g) { g.label = std::string(201, 'x'); }, "label", "longer than 200 bytes"},
      {[](Grant& g) { g.label = "\xFF"; }, "label", "is not valid UTF-8"},
      {[](Grant& g) { g.label = "a\nb"; }, "label", "has a control character"},
      {[](Grant& g) { g.rights = 0; }, "rights", "are missing: one of read, write, steal and admin at least"},
      {[](Grant& g) { g.scopes.clear(); }, "scopes", "are missing: say for which sessions the rights are"},
      {[](Grant& g) { g.rights = static_cast<storage::Rights>(Right::kAdmin); }, "scopes",
       "have no use: the right admin is on no session"},
      {[](Grant& g) {
         g.scopes.assign(101, {"a", false});
       },
       "scopes", "more than 100"},
      {[](Grant& g) {
         g.scopes.push_back({"", false});
       },
       "scopes[1].session_id", "empty"},
      {[](Grant& g) {
         g.scopes.push_back({"a b", false});
       },
       "scopes[1].session_id", "has a byte outside [A-Za-z0-9._:@-]"},
      {[](Grant& g) {
         g.scopes.push_back({std::string(129, 'a'), true});
       },
       "scopes[1].prefix", "longer than 128 bytes"},
      {[](Grant& g) { g.certificate_name = "pool.example"; }, "certificate_name", "is neither DNS:NAME nor URI:NAME"},
      {[](Grant& g) { g.certificate_name = "DNS:"; }, "certificate_name", "is neither DNS:NAME nor URI:NAME"},
      {[](Grant& g) { g.certificate_name = "DNS:a b"; }, "certificate_name",
       "has a byte that is not printable ASCII, or a space"},
      {[](Grant& g) { g.certificate_name = "URI:" + std::string(297, 'x'); }, "certificate_name",
       "longer than 300 bytes"},
  };
  for (const Case& c : cases) {
    Grant grant = Sound();
    c.spoil(grant);
    const auto fault = FaultOfTerms(grant, std::nullopt);
    ASSERT_TRUE(fault.has_value()) << c.field << ": " << c.rule;
    EXPECT_EQ(fault->field, c.field);
    EXPECT_EQ(fault->rule, c.rule);
  }
}

TEST(TokenTermsTest, ATimeToLiveHasBounds) {
  for (const absl::Duration wrong :
       {absl::ZeroDuration(), absl::Milliseconds(999), -absl::Hours(1), absl::Hours(24) * 36'500 + absl::Seconds(1)}) {
    const auto fault = FaultOfTerms(Sound(), wrong);
    ASSERT_TRUE(fault.has_value()) << wrong;
    EXPECT_EQ(fault->field, "time_to_live");
  }
}

TEST(TokenTermsTest, AnIdHasItsForm) {
  EXPECT_FALSE(FaultOfId("abcdefghijklmn27").has_value());
  for (const char* const wrong : {"", "abcdefghijklmn2", "abcdefghijklmn271", "abcdefghijklmn28", "ABCDEFGHIJKLMN27"}) {
    const auto fault = FaultOfId(wrong);
    ASSERT_TRUE(fault.has_value()) << wrong;
    EXPECT_EQ(fault->field, "id");
  }
}

}  // namespace
}  // namespace authstate::tokens
