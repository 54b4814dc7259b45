#include "server/access/access_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr storage::Rights kRead = static_cast<storage::Rights>(storage::Right::kRead);
constexpr storage::Rights kWrite = static_cast<storage::Rights>(storage::Right::kWrite);

storage::Grant GrantOf(std::string id, storage::Rights rights, std::vector<storage::SessionScope> scopes) {
  storage::Grant grant;
  grant.id = std::move(id);
  grant.rights = rights;
  grant.scopes = std::move(scopes);
  return grant;
}

// `id`, or `id*` for a prefix.
std::vector<std::string> Scopes(storage::Right right, std::vector<storage::Grant> grants) {
  std::vector<const ListedGrant*> all;
  std::vector<std::unique_ptr<ListedGrant>> owned;
  for (storage::Grant& grant : grants) {
    all.push_back(owned.emplace_back(std::make_unique<ListedGrant>(std::move(grant))).get());
  }
  std::vector<std::string> scopes;
  for (const storage::SessionScope& scope : ScopesWith(right, all)) {
    scopes.push_back(absl::StrCat(scope.id, scope.prefix ? "*" : ""));
  }
  return scopes;
}

TEST(AccessListTest, FindsTokensByIdAndCertificatesByName) {
  storage::Grant certificate = GrantOf("c", kRead, {});
  certificate.certificate_name = "DNS:Pool.Example";
  storage::Grant another = certificate;
  another.id = "d";
  const AccessList list(3, {GrantOf("a", kRead, {}), certificate, another});
  EXPECT_EQ(list.version(), 3U);
  ASSERT_NE(list.FindToken("a"), nullptr);
  EXPECT_EQ(list.FindToken("a")->grant.id, "a");
  EXPECT_EQ(list.FindToken("b"), nullptr);
  // The id of a certificate's grant is the name of no token.
  EXPECT_EQ(list.FindToken("c"), nullptr);
  EXPECT_THAT(list.FindCertificates({"DNS:other.example", "DNS:pool.example"}), SizeIs(2));
  EXPECT_THAT(list.FindCertificates({"URI:pool.example"}), IsEmpty());
}

TEST(AccessListTest, AUseIsTakenOnce) {
  const AccessList list(1, {GrantOf("a", kRead, {}), GrantOf("b", kRead, {})});
  list.FindToken("b")->NoteUse();
  list.FindToken("b")->NoteUse();
  EXPECT_THAT(list.TakeUsed(), ElementsAre("b"));
  EXPECT_THAT(list.TakeUsed(), IsEmpty());
}

TEST(AccessListTest, ScopesAreInOrderAndNoneIsWithinAnother) {
  EXPECT_THAT(Scopes(storage::Right::kRead,
                     {GrantOf("1", kRead, {{"b", true}, {"bob", false}, {"bo", true}, {"a", false}, {"ab", false}}),
                      GrantOf("2", kRead, {{"b", false}, {"a", false}, {"c", false}, {"c", true}})}),
              ElementsAre("a", "ab", "b*", "c*"));
  EXPECT_THAT(Scopes(storage::Right::kRead, {GrantOf("1", kRead, {{"x", true}, {"", true}})}), ElementsAre("*"));
}

TEST(AccessListTest, ScopesOfGrantsWithoutTheRightAreLeftOut) {
  EXPECT_THAT(Scopes(storage::Right::kRead, {GrantOf("1", kWrite, {{"a", true}}), GrantOf("2", kRead, {{"b", true}})}),
              ElementsAre("b*"));
}

}  // namespace
}  // namespace authstate::server
