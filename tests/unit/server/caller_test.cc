#include "server/access/caller.h"

#include "tests/unit/server/access_test.h"

namespace authstate::server {
namespace {

using storage::Right;

class CallerTest : public AccessTest {};

TEST_F(CallerTest, WhoShowsNothingIsServedWhileThereNeverWasAGrant) {
  Open();
  const auto nobody = WithCertificate({});
  EXPECT_EQ(ReasonOf(nobody->Authenticate()), "ok");
  EXPECT_EQ(ReasonOf(nobody->Permit(Right::kSteal, "s")), "ok");
  EXPECT_EQ(ReasonOf(nobody->PermitAdmin()), "ok");
  EXPECT_EQ(ReasonOf(nobody->Scopes(Right::kRead).status()), "ok");
}

TEST_F(CallerTest, AFirstGrantShutsOutThoseWhoWereServedBefore) {
  Open();
  const auto nobody = WithCertificate({});
  const auto somebody = Showing(token_);
  ASSERT_EQ(ReasonOf(nobody->Authenticate()), "ok");
  ASSERT_EQ(ReasonOf(somebody->Authenticate()), "ok");
  store_.Give(token_, kRead);
  Refresh();
  EXPECT_EQ(ReasonOf(nobody->Authenticate()), "NO_TOKEN");
  EXPECT_EQ(ReasonOf(nobody->Permit(Right::kRead, "s")), "NO_TOKEN");
  EXPECT_EQ(ReasonOf(nobody->PermitAdmin()), "NO_TOKEN");
  EXPECT_EQ(ReasonOf(nobody->Scopes(Right::kRead).status()), "NO_TOKEN");
  EXPECT_EQ(ReasonOf(somebody->Permit(Right::kRead, "s")), "ok");
}

TEST_F(CallerTest, WhereItMayNotBeOpenNobodyGetsInWithoutAGrant) {
  Open(/*may_be_open=*/false);
  EXPECT_EQ(ReasonOf(WithCertificate({})->Authenticate()), "NO_TOKEN");
  EXPECT_EQ(ReasonOf(Showing(token_)->Authenticate()), "BAD_TOKEN");
}

TEST_F(CallerTest, AnUnknownTokenAndAWrongSecretAreRefusedAlike) {
  store_.Give(token_, storage::kAllRights);
  Open();
  const absl::Status unknown = Showing(tokens::Token::New())->Authenticate();
  const absl::Status wrong = Showing(tokens::Token::New(token_.id()))->Authenticate();
  EXPECT_EQ(ReasonOf(unknown), "BAD_TOKEN");
  EXPECT_EQ(unknown, wrong);
  EXPECT_EQ(storage::OutcomeOf(unknown), storage::Outcome::kNotApplied);
}

TEST_F(CallerTest, WhatIsNoTokenIsRefusedWhateverTheCertificate) {
  store_.GiveCertificate("DNS:pool.example", storage::kAllRights);
  Open();
  Credentials shown;
  shown.has_token = true;
  shown.certificate_names = {"DNS:pool.example"};
  Caller caller(*watch_, std::move(shown));
  EXPECT_EQ(ReasonOf(caller.Authenticate()), "BAD_TOKEN");
  EXPECT_EQ(caller.name(), "");
  EXPECT_EQ(caller.certificate(), "DNS:pool.example");
}

TEST_F(CallerTest, ATokenBesideACertificateHasItsOwnRightsAlone) {
  store_.Give(token_, kRead);
  store_.GiveCertificate("DNS:pool.example", storage::kAllRights);
  Open();
  Credentials shown;
  shown.has_token = true;
  shown.token = tokens::Token::Parse(token_.Text());
  shown.certificate_names = {"DNS:pool.example"};
  Caller caller(*watch_, std::move(shown));
  EXPECT_EQ(ReasonOf(caller.Permit(Right::kRead, "s")), "ok");
  EXPECT_EQ(ReasonOf(caller.Permit(Right::kWrite, "s")), "RIGHT_MISSING");
  EXPECT_EQ(caller.name(), token_.id());
  EXPECT_EQ(caller.certificate(), "DNS:pool.example");
}

TEST_F(CallerTest, EachRightIsAskedForItself) {
  store_.Give(token_, kRead, "a");
  Open();
  const auto caller = Showing(token_);
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "a1")), "ok");
  const absl::Status write = caller->Permit(Right::kWrite, "a1");
  EXPECT_EQ(ReasonOf(write), "RIGHT_MISSING");
  EXPECT_TRUE(absl::IsPermissionDenied(write));
  EXPECT_THAT(std::string(write.message()), testing::HasSubstr("write"));
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kSteal, "a1")), "RIGHT_MISSING");
  EXPECT_EQ(ReasonOf(caller->PermitAdmin()), "RIGHT_MISSING");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "b1")), "SESSION_OUT_OF_SCOPE");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kWrite, "b1")), "SESSION_OUT_OF_SCOPE");
}

TEST_F(CallerTest, ARightOnOneSessionIsNoneOnAnother) {
  store_.GiveCertificate("DNS:pool.example", kRead, "a");
  store_.GiveCertificate("DNS:pool.example", kWrite, "b");
  Open();
  const auto caller = WithCertificate({"DNS:pool.example"});
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "a")), "ok");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kWrite, "a")), "RIGHT_MISSING");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "b")), "RIGHT_MISSING");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kWrite, "b")), "ok");
}

TEST_F(CallerTest, AnExactScopeIsNoPrefix) {
  store_.Give(token_, kRead).scopes = {{"a", /*prefix=*/false}};
  Open();
  const auto caller = Showing(token_);
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "a")), "ok");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "ab")), "SESSION_OUT_OF_SCOPE");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "")), "SESSION_OUT_OF_SCOPE");
}

TEST_F(CallerTest, ATokenExpiresByTheClockOfTheDatabase) {
  store_.Give(token_, kRead).expire_time = store_.now + absl::Seconds(10);
  Open();
  const auto caller = Showing(token_);
  Pass(absl::Seconds(9));
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "ok");
  Pass(absl::Seconds(1));
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "TOKEN_EXPIRED");
  EXPECT_EQ(ReasonOf(Showing(token_)->Authenticate()), "TOKEN_EXPIRED");
  // Whoever has not the secret does not hear that there was such a token.
  EXPECT_EQ(ReasonOf(Showing(tokens::Token::New(token_.id()))->Authenticate()), "BAD_TOKEN");
}

TEST_F(CallerTest, ARevokedTokenIsRefusedInTheMiddleOfACall) {
  store_.Give(token_, kRead);
  Open();
  const auto caller = Showing(token_);
  ASSERT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "ok");
  store_.grants[0].revoke_time = store_.now;
  ++store_.version;
  Refresh();
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonOf(caller->Authenticate()), "TOKEN_REVOKED");
  EXPECT_EQ(ReasonOf(Showing(tokens::Token::New(token_.id()))->Authenticate()), "BAD_TOKEN");
}

TEST_F(CallerTest, OneThatWasRefusedStaysSo) {
  Open(/*may_be_open=*/false);
  const auto caller = WithCertificate({"DNS:pool.example"});
  ASSERT_EQ(ReasonOf(caller->Authenticate()), "CERTIFICATE_UNKNOWN");
  store_.GiveCertificate("DNS:pool.example", kRead);
  Refresh();
  EXPECT_EQ(ReasonOf(caller->Authenticate()), "CERTIFICATE_UNKNOWN");
  EXPECT_EQ(ReasonOf(WithCertificate({"DNS:pool.example"})->Authenticate()), "ok");
}

TEST_F(CallerTest, TheSecretFromBeforeARotationIsRefusedInTheMiddleOfACall) {
  store_.Give(token_, kRead);
  Open();
  const auto caller = Showing(token_);
  ASSERT_EQ(ReasonOf(caller->Authenticate()), "ok");
  const tokens::Token rotated = tokens::Token::New(token_.id());
  rotated.PutInto(store_.grants.data());
  ++store_.version;
  Refresh();
  EXPECT_EQ(ReasonOf(caller->Authenticate()), "BAD_TOKEN");
  EXPECT_EQ(ReasonOf(Showing(rotated)->Authenticate()), "ok");
}

TEST_F(CallerTest, AChangeThatIsOfOthersLeavesACallAsItIs) {
  store_.Give(token_, kRead);
  Open();
  const auto caller = Showing(token_);
  ASSERT_EQ(ReasonOf(caller->Authenticate()), "ok");
  store_.Give(tokens::Token::New(), kRead);
  Refresh();
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "ok");
}

TEST_F(CallerTest, OfACertificatesGrantsThoseCountThatAreInForce) {
  store_.GiveCertificate("DNS:pool.example", kWrite).revoke_time = store_.now;
  store_.GiveCertificate("URI:spiffe://example/pool", kRead).expire_time = store_.now + absl::Seconds(10);
  Open();
  const auto caller = WithCertificate({"DNS:pool.example", "URI:spiffe://example/pool"});
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kWrite, "s")), "RIGHT_MISSING");
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "ok");
  Pass(absl::Seconds(10));
  EXPECT_EQ(ReasonOf(caller->Permit(Right::kRead, "s")), "CERTIFICATE_UNKNOWN");
}

TEST_F(CallerTest, IsNamedByWhatIsNoSecret) {
  Open();
  EXPECT_EQ(Showing(token_)->name(), token_.id());
  EXPECT_EQ(WithCertificate({"DNS:a.example", "DNS:b.example"})->name(), "DNS:a.example");
  EXPECT_EQ(WithCertificate({})->name(), "");
}

}  // namespace
}  // namespace authstate::server
