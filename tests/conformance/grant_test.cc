// Who may do what: grants are kept, changed by their rules, listed whole, and known by a version.

#include "storage/grant.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::Grant;
using storage::GrantRequest;
using storage::GrantResult;
using storage::Right;
using storage::Rights;
using Action = storage::GrantRequest::Action;

constexpr Rights kReadWrite = 3;

Grant TokenGrant(const std::string& id) {
  Grant grant;
  grant.id = id;
  grant.label = "pool 1, \xC3\xA4 'quoted'";
  grant.hash_key = std::string(31, '\0') + "k";
  grant.hash = std::string(31, '\xFF') + "h";
  grant.rights = kReadWrite;
  grant.scopes = {{"sales", false}, {"team:", true}, {"", true}, {"=5:odd^1", false}};
  return grant;
}

Grant CertificateGrant(const std::string& id) {
  Grant grant;
  grant.id = id;
  grant.certificate_name = "URI:spiffe://example/pool";
  grant.rights = storage::kAllRights;
  grant.scopes = {{"", true}};
  return grant;
}

class GrantTest : public ConformanceTest {
 protected:
  absl::StatusOr<GrantResult> Do(GrantRequest request) {
    Answer<absl::StatusOr<GrantResult>> answer;
    backend().Grants(std::move(request), Soon(), answer.Done());
    return answer.Await();
  }
  absl::StatusOr<GrantResult> Do(Action action, Grant grant, std::optional<absl::Duration> time_to_live = {}) {
    GrantRequest request;
    request.action = action;
    request.grant = std::move(grant);
    request.time_to_live = time_to_live;
    return Do(std::move(request));
  }
  absl::StatusOr<GrantResult> Do(Action action, const std::string& id) {
    Grant grant;
    grant.id = id;
    return Do(action, std::move(grant));
  }
  // A change that must succeed: the grant as it is then.
  Grant MustDo(Action action, Grant grant, std::optional<absl::Duration> time_to_live = {}) {
    const auto result = Do(action, std::move(grant), time_to_live);
    EXPECT_TRUE(result.ok()) << result.status();
    const bool has_one = result.ok() && result->grants.has_value() && result->grants->size() == 1;
    EXPECT_TRUE(has_one);
    return has_one ? result->grants->front() : Grant();
  }
  GrantResult MustList(std::uint64_t known_version = 0) {
    GrantRequest request;
    request.known_version = known_version;
    auto result = Do(std::move(request));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : GrantResult();
  }
  std::vector<Grant> Listed() { return MustList().grants.value_or(std::vector<Grant>()); }
  Grant Find(const std::string& id) {
    for (const Grant& grant : Listed()) {
      if (grant.id == id) return grant;
    }
    ADD_FAILURE() << "no grant " << id;
    return {};
  }
  void NoteUses(std::vector<std::pair<std::string, absl::Duration>> uses) {
    GrantRequest request;
    request.action = Action::kNoteUses;
    request.uses = std::move(uses);
    const auto result = Do(std::move(request));
    EXPECT_TRUE(result.ok()) << result.status();
  }
};

void ExpectSameTerms(const Grant& a, const Grant& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.certificate_name, b.certificate_name);
  EXPECT_EQ(a.hash_key, b.hash_key);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.rights, b.rights);
  ASSERT_EQ(a.scopes.size(), b.scopes.size());
  for (std::size_t i = 0; i < a.scopes.size(); ++i) {
    EXPECT_EQ(a.scopes[i].id, b.scopes[i].id);
    EXPECT_EQ(a.scopes[i].prefix, b.scopes[i].prefix);
  }
}

TEST_F(GrantTest, AStoreWithoutGrantsHasVersionZero) {
  const GrantResult result = MustList();
  EXPECT_EQ(result.version, 0U);
  ASSERT_TRUE(result.grants.has_value());
  EXPECT_TRUE(result.grants->empty());
}

TEST_F(GrantTest, WhatIsCreatedIsListedAsItWas) {
  const Grant token = TokenGrant("b");
  const Grant certificate = CertificateGrant("a");
  const Grant answered = MustDo(Action::kCreate, token);
  ExpectSameTerms(answered, token);
  MustDo(Action::kCreate, certificate);
  if (store().durable()) Reopen();
  const std::vector<Grant> listed = Listed();
  ASSERT_EQ(listed.size(), 2U);
  ExpectSameTerms(listed[0], certificate);
  ExpectSameTerms(listed[1], token);
  EXPECT_EQ(listed[1].create_time, answered.create_time);
}

TEST_F(GrantTest, TimesAreThoseOfTheDatabase) {
  const absl::Time before = MustList().now;
  const Grant forever = MustDo(Action::kCreate, TokenGrant("forever"));
  const Grant bounded = MustDo(Action::kCreate, TokenGrant("bounded"), absl::Hours(24 * 90));
  const absl::Time after = MustList().now;
  EXPECT_GE(forever.create_time, before);
  EXPECT_LE(forever.create_time, after);
  EXPECT_FALSE(forever.expire_time.has_value());
  EXPECT_FALSE(forever.revoke_time.has_value());
  EXPECT_FALSE(forever.last_use_time.has_value());
  ASSERT_TRUE(bounded.expire_time.has_value());
  EXPECT_EQ(*bounded.expire_time, bounded.create_time + absl::Hours(24 * 90));
}

TEST_F(GrantTest, AKnownVersionIsAnsweredWithoutGrants) {
  MustDo(Action::kCreate, TokenGrant("a"));
  const GrantResult first = MustList();
  EXPECT_GE(first.version, 1U);
  const GrantResult second = MustList(first.version);
  EXPECT_EQ(second.version, first.version);
  EXPECT_FALSE(second.grants.has_value());
  EXPECT_GE(second.now, first.now);
  EXPECT_TRUE(MustList(first.version + 1).grants.has_value());
}

TEST_F(GrantTest, EveryChangeButAUseHasANewVersion) {
  std::uint64_t version = 0;
  const auto expect_growth = [&](const char* what) {
    const std::uint64_t now = MustList().version;
    EXPECT_GT(now, version) << what;
    version = now;
  };
  MustDo(Action::kCreate, TokenGrant("a"));
  expect_growth("create");
  MustDo(Action::kRotate, TokenGrant("a"));
  expect_growth("rotate");
  MustDo(Action::kRevoke, TokenGrant("a"));
  expect_growth("revoke");
  NoteUses({{"a", absl::Seconds(1)}});
  EXPECT_FALSE(Do(Action::kRotate, TokenGrant("a")).ok());
  EXPECT_EQ(MustList().version, version);
}

TEST_F(GrantTest, ASecondOfTheSameIdIsRefused) {
  MustDo(Action::kCreate, TokenGrant("a"));
  const std::uint64_t version = MustList().version;
  Grant other = TokenGrant("a");
  other.hash[0] = 'x';
  const auto refused = Do(Action::kCreate, other);
  EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kAlreadyExists, storage::kTokenExists));
  EXPECT_TRUE(IsNotApplied(refused.status()));
  ExpectSameTerms(Find("a"), TokenGrant("a"));
  EXPECT_EQ(MustList().version, version);
}

TEST_F(GrantTest, CreatingItAgainAfterALostAnswerChangesNothing) {
  const Grant first = MustDo(Action::kCreate, TokenGrant("a"), absl::Hours(1));
  const std::uint64_t version = MustList().version;
  const Grant again = MustDo(Action::kCreate, TokenGrant("a"), absl::Hours(1));
  EXPECT_EQ(again.create_time, first.create_time);
  EXPECT_EQ(again.expire_time, first.expire_time);
  EXPECT_EQ(MustList().version, version);
}

TEST_F(GrantTest, RotationReplacesTheHashAndKeepsTheRest) {
  const Grant before = MustDo(Action::kCreate, TokenGrant("a"), absl::Hours(1));
  Grant fresh;
  fresh.id = "a";
  fresh.hash_key = std::string(32, '1');
  fresh.hash = std::string(32, '2');
  const Grant rotated = MustDo(Action::kRotate, fresh);
  Grant expected = TokenGrant("a");
  expected.hash_key = fresh.hash_key;
  expected.hash = fresh.hash;
  ExpectSameTerms(rotated, expected);
  ExpectSameTerms(Find("a"), expected);
  EXPECT_EQ(rotated.create_time, before.create_time);
  EXPECT_EQ(rotated.expire_time, before.expire_time);
}

TEST_F(GrantTest, RotationMayGiveANewEnd) {
  MustDo(Action::kCreate, TokenGrant("a"));
  const Grant rotated = MustDo(Action::kRotate, TokenGrant("a"), absl::Hours(1));
  const GrantResult now = MustList();
  ASSERT_TRUE(rotated.expire_time.has_value());
  EXPECT_GT(*rotated.expire_time, now.now);
  EXPECT_LE(*rotated.expire_time, now.now + absl::Hours(1));
}

TEST_F(GrantTest, WhatHasEndedIsNotRotated) {
  MustDo(Action::kCreate, TokenGrant("revoked"));
  MustDo(Action::kRevoke, TokenGrant("revoked"));
  MustDo(Action::kCreate, TokenGrant("expired"), absl::ZeroDuration());
  for (const char* const id : {"revoked", "expired"}) {
    const auto refused = Do(Action::kRotate, TokenGrant(id));
    EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kFailedPrecondition, storage::kTokenEnded)) << id;
    EXPECT_TRUE(IsNotApplied(refused.status()));
  }
}

TEST_F(GrantTest, ACertificateHasNothingToRotate) {
  MustDo(Action::kCreate, CertificateGrant("c"));
  const auto refused = Do(Action::kRotate, TokenGrant("c"));
  EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kFailedPrecondition, storage::kNoSecret));
  ExpectSameTerms(Find("c"), CertificateGrant("c"));
}

TEST_F(GrantTest, ARevokedGrantStaysInTheListWithTheTimeItEnded) {
  MustDo(Action::kCreate, TokenGrant("a"));
  MustDo(Action::kCreate, TokenGrant("b"));
  const absl::Time before = MustList().now;
  const Grant revoked = MustDo(Action::kRevoke, TokenGrant("a"));
  ASSERT_TRUE(revoked.revoke_time.has_value());
  EXPECT_GE(*revoked.revoke_time, before);
  if (store().durable()) Reopen();
  EXPECT_EQ(Find("a").revoke_time, revoked.revoke_time);
  EXPECT_FALSE(Find("b").revoke_time.has_value());
}

TEST_F(GrantTest, RevokingAgainChangesNothing) {
  MustDo(Action::kCreate, TokenGrant("a"));
  const Grant revoked = MustDo(Action::kRevoke, TokenGrant("a"));
  const std::uint64_t version = MustList().version;
  EXPECT_EQ(MustDo(Action::kRevoke, TokenGrant("a")).revoke_time, revoked.revoke_time);
  EXPECT_EQ(MustList().version, version);
}

TEST_F(GrantTest, WhatIsNotThereIsNotChanged) {
  for (const Action action : {Action::kRotate, Action::kRevoke}) {
    const auto refused = Do(action, TokenGrant("nobody"));
    EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kNotFound, storage::kNoSuchToken));
    EXPECT_TRUE(IsNotApplied(refused.status()));
  }
  EXPECT_EQ(MustList().version, 0U);
}

TEST_F(GrantTest, TheLatestUseIsNoted) {
  MustDo(Action::kCreate, TokenGrant("a"));
  MustDo(Action::kCreate, TokenGrant("b"));
  const std::uint64_t version = MustList().version;
  NoteUses({{"a", absl::Seconds(10)}, {"nobody", absl::Seconds(1)}});
  const GrantResult first = MustList();
  const auto used = Find("a").last_use_time;
  ASSERT_TRUE(used.has_value());
  EXPECT_LE(*used, first.now - absl::Seconds(10));
  EXPECT_FALSE(Find("b").last_use_time.has_value());
  NoteUses({{"a", absl::Hours(1)}, {"b", absl::Seconds(5)}});
  EXPECT_EQ(Find("a").last_use_time, used);
  EXPECT_TRUE(Find("b").last_use_time.has_value());
  NoteUses({{"a", absl::ZeroDuration()}});
  EXPECT_GT(*Find("a").last_use_time, *used);
  NoteUses({});
  EXPECT_EQ(MustList().version, version);
}

TEST_F(GrantTest, ChangesAtOnceAreAllKept) {
  // No more than a driver has connections for calls, so that none is refused for want of one.
  constexpr int kGrants = 6;
  std::vector<Answer<absl::StatusOr<GrantResult>>> answers(kGrants);
  for (int i = 0; i < kGrants; ++i) {
    GrantRequest request;
    request.action = Action::kCreate;
    request.grant = TokenGrant(absl::StrCat("grant", i));
    backend().Grants(std::move(request), Soon(), answers[static_cast<std::size_t>(i)].Done());
  }
  std::map<std::uint64_t, int> versions;
  for (auto& answer : answers) {
    const auto result = answer.Await();
    ASSERT_TRUE(result.ok()) << result.status();
    ++versions[result->version];
  }
  EXPECT_EQ(versions.size(), static_cast<std::size_t>(kGrants));
  const GrantResult listed = MustList();
  EXPECT_EQ(listed.grants->size(), static_cast<std::size_t>(kGrants));
  EXPECT_EQ(listed.version, versions.rbegin()->first);
}

TEST_F(GrantTest, ADamagedRowIsDataLossAndNeverARightOrAnAbsence) {
  if (!store().keeps_grants_in_rows()) GTEST_SKIP();
  MustDo(Action::kCreate, TokenGrant("a"));
  const std::uint64_t version = MustList().version;
  const auto expect_damage = [&](const std::string& damage) {
    ASSERT_TRUE(store().ChangeGrants(damage).ok());
    EXPECT_TRUE(FailsWith(Do(GrantRequest()), absl::StatusCode::kDataLoss, storage::kCorruptValue)) << damage;
    EXPECT_FALSE(MustList(version).grants.has_value()) << damage;
  };
  const std::vector<std::pair<std::string, std::string>> damages_and_repairs = {
      {"rights = rights + 4", "rights = rights - 4"},
      {"scopes = scopes || 'x'", "scopes = substr(scopes, 1, length(scopes) - 1)"},
      {"scopes = replace(scopes, '=5:sales', '^5:sales')", "scopes = replace(scopes, '^5:sales', '=5:sales')"},
      {"label = label || '!'", "label = substr(label, 1, length(label) - 1)"},
      {"certificate_name = 'DNS:a'", "certificate_name = ''"},
      {"grant_id = 'b'", "grant_id = 'a'"}};
  for (const auto& [damage, repair] : damages_and_repairs) {
    expect_damage(damage);
    ASSERT_TRUE(store().ChangeGrants(repair).ok());
    ExpectSameTerms(Find("a"), TokenGrant("a"));
  }
  expect_damage("verifier = terms_checksum");
}

TEST_F(GrantTest, ADeadlineThatHasPassedChangesNothing) {
  GrantRequest request;
  request.action = Action::kCreate;
  request.grant = TokenGrant("a");
  Answer<absl::StatusOr<GrantResult>> answer;
  backend().Grants(std::move(request), absl::InfinitePast(), answer.Done());
  const auto late = answer.Await();
  EXPECT_TRUE(FailsWith(late, absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed));
  EXPECT_TRUE(IsNotApplied(late.status()));
  EXPECT_TRUE(Listed().empty());
}

}  // namespace
}  // namespace authstate::conformance
