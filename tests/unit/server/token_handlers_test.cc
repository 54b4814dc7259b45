#include "server/handlers/token_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "google/protobuf/util/message_differencer.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "tokens/token.h"

namespace authstate::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class TokenHandlersTest : public testing::Test {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const Request& request) {
    absl::StatusOr<Response> answer = absl::UnknownError("no answer");
    handlers_.Handle(request, absl::InfiniteFuture(),
                     [&answer](absl::StatusOr<Response> given) { answer = std::move(given); });
    return answer;
  }
  absl::StatusOr<v1::CreateTokenResponse> Create(const v1::CreateTokenRequest& request) {
    return Ask<v1::CreateTokenResponse>(request);
  }
  v1::CreateTokenResponse MustCreate(const v1::CreateTokenRequest& request) {
    auto created = Create(request);
    EXPECT_TRUE(created.ok()) << created.status();
    return created.value_or(v1::CreateTokenResponse());
  }
  v1::ListTokensResponse List(bool ended) {
    v1::ListTokensRequest request;
    request.set_ended(ended);
    auto listed = Ask<v1::ListTokensResponse>(request);
    EXPECT_TRUE(listed.ok()) << listed.status();
    return listed.value_or(v1::ListTokensResponse());
  }
  storage::Grant Stored(const std::string& id) {
    storage::Grant stored;
    backend_->Grants({}, absl::InfiniteFuture(), [&](const absl::StatusOr<storage::GrantResult>& result) {
      for (const storage::Grant& grant : *result->grants) {
        if (grant.id == id) stored = grant;
      }
    });
    return stored;
  }
  absl::Status Revoke(const std::string& id) {
    v1::RevokeTokenRequest request;
    request.set_id(id);
    return Ask<v1::RevokeTokenResponse>(request).status();
  }
  absl::StatusOr<v1::RotateTokenResponse> Rotate(const std::string& id) {
    v1::RotateTokenRequest request;
    request.set_id(id);
    return Ask<v1::RotateTokenResponse>(request);
  }

  static v1::CreateTokenRequest Reader() {
    v1::CreateTokenRequest request;
    request.set_label("reader");
    request.add_rights(v1::RIGHT_READ);
    request.add_scopes()->set_session_id("sales");
    request.add_scopes()->set_prefix("team:");
    return request;
  }

  std::unique_ptr<storage::Backend> backend_ = storage::NewMemoryBackend();
  TokenHandlers handlers_{backend_.get()};
};

TEST_F(TokenHandlersTest, TheTokenThatIsToldIsTheOneThatIsStored) {
  const v1::CreateTokenResponse created = MustCreate(Reader());
  const auto token = tokens::Token::Parse(created.bearer_token());
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->id(), created.token().id());
  const storage::Grant stored = Stored(created.token().id());
  EXPECT_TRUE(token->Matches(&stored));
  EXPECT_TRUE(storage::Has(stored.rights, storage::Right::kRead));
  EXPECT_FALSE(storage::Has(stored.rights, storage::Right::kWrite));
  ASSERT_THAT(stored.scopes, SizeIs(2));
  EXPECT_TRUE(stored.scopes[0].Covers("sales"));
  EXPECT_FALSE(stored.scopes[0].Covers("sales2"));
  EXPECT_TRUE(stored.scopes[1].Covers("team:2"));
}

TEST_F(TokenHandlersTest, NothingThatIsToldLaterHoldsASecret) {
  const v1::CreateTokenResponse created = MustCreate(Reader());
  const storage::Grant stored = Stored(created.token().id());
  const std::string secret = created.bearer_token().substr(created.bearer_token().size() - tokens::kSecretBytes);
  v1::GetTokenRequest get;
  get.set_id(created.token().id());
  const auto got = Ask<v1::GetTokenResponse>(get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->token().label(), "reader");
  for (const std::string& shown :
       {got->SerializeAsString(), List(true).SerializeAsString(), created.token().SerializeAsString()}) {
    EXPECT_THAT(shown, HasSubstr(created.token().id()));
    EXPECT_THAT(shown, Not(HasSubstr(secret)));
    EXPECT_THAT(shown, Not(HasSubstr(stored.hash)));
    EXPECT_THAT(shown, Not(HasSubstr(stored.hash_key)));
  }
}

TEST_F(TokenHandlersTest, ACertificateHasRightsAndNoSecret) {
  v1::CreateTokenRequest request = Reader();
  request.set_certificate_name("DNS:pool.example");
  const v1::CreateTokenResponse created = MustCreate(request);
  EXPECT_EQ(created.bearer_token(), "");
  EXPECT_EQ(created.token().certificate_name(), "DNS:pool.example");
  EXPECT_EQ(Stored(created.token().id()).hash, "");
  EXPECT_EQ(storage::ReasonOf(Rotate(created.token().id()).status()), std::string(storage::kNoSecret));
}

TEST_F(TokenHandlersTest, RotationTellsAnotherSecretOfTheSameId) {
  const v1::CreateTokenResponse created = MustCreate(Reader());
  const auto rotated = Rotate(created.token().id());
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_NE(rotated->bearer_token(), created.bearer_token());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(rotated->token(), created.token()));
  const storage::Grant stored = Stored(created.token().id());
  EXPECT_TRUE(tokens::Token::Parse(rotated->bearer_token())->Matches(&stored));
  EXPECT_FALSE(tokens::Token::Parse(created.bearer_token())->Matches(&stored));
}

TEST_F(TokenHandlersTest, ARevokedTokenIsListedOnlyWhereThoseThatEndedAreAskedFor) {
  const v1::CreateTokenResponse created = MustCreate(Reader());
  EXPECT_THAT(List(false).tokens(), SizeIs(1));
  EXPECT_EQ(List(false).tokens(0).state(), v1::Token::STATE_VALID);
  ASSERT_TRUE(Revoke(created.token().id()).ok());
  EXPECT_THAT(List(false).tokens(), SizeIs(0));
  ASSERT_THAT(List(true).tokens(), SizeIs(1));
  EXPECT_EQ(List(true).tokens(0).state(), v1::Token::STATE_REVOKED);
  EXPECT_TRUE(List(true).tokens(0).has_revoke_time());
  EXPECT_EQ(storage::ReasonOf(Rotate(created.token().id()).status()), std::string(storage::kTokenEnded));
}

TEST_F(TokenHandlersTest, ATokenThatIsNotThereIsNotFound) {
  const std::string id = tokens::NewId();
  v1::GetTokenRequest get;
  get.set_id(id);
  for (const absl::Status& status : {Ask<v1::GetTokenResponse>(get).status(), Rotate(id).status(), Revoke(id)}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(storage::ReasonOf(status), std::string(storage::kNoSuchToken));
  }
}

TEST_F(TokenHandlersTest, WhatIsMalformedIsRefusedByFieldAndChangesNothing) {
  const auto expect_refused = [this](const char* field, const std::function<void(v1::CreateTokenRequest*)>& spoil) {
    v1::CreateTokenRequest request = Reader();
    spoil(&request);
    const absl::Status refused = Create(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << field << ": " << refused;
    EXPECT_EQ(FieldOf(refused).value_or(""), field);
  };
  expect_refused("rights[1]", [](auto* request) { request->add_rights(v1::RIGHT_UNSPECIFIED); });
  expect_refused("rights[1]", [](auto* request) { request->add_rights(v1::RIGHT_READ); });
  expect_refused("rights[1]", [](auto* request) { request->add_rights(static_cast<v1::Right>(77)); });
  expect_refused("rights", [](auto* request) {
    request->clear_rights();
    request->clear_scopes();
  });
  expect_refused("scopes", [](auto* request) { request->clear_scopes(); });
  expect_refused("scopes[2]", [](auto* request) { request->add_scopes(); });
  expect_refused("scopes[2].session_id", [](auto* request) { request->add_scopes()->set_session_id(""); });
  expect_refused("label", [](auto* request) { request->set_label(std::string(201, 'x')); });
  expect_refused("time_to_live", [](auto* request) { request->mutable_time_to_live(); });
  expect_refused("time_to_live", [](auto* request) { request->mutable_time_to_live()->set_nanos(2'000'000'000); });
  expect_refused("certificate_name", [](auto* request) { request->set_certificate_name("pool"); });
  EXPECT_THAT(List(true).tokens(), SizeIs(0));
  EXPECT_EQ(FieldOf(Rotate("x").status()).value_or(""), "id");
  EXPECT_EQ(FieldOf(Revoke("x")).value_or(""), "id");
}

}  // namespace
}  // namespace authstate::server
