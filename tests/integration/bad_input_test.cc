// Every way to break the contract, over every RPC and field: the right code, the field named, nothing changed.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/bad_inputs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_TRUE(details.details_size() > 0 && details.details(0).UnpackTo(&info));
  return info;
}

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = test::TestServer::Create({{"--sqlite-path", directory_.File("authstate.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    stub_ = v1::AuthStateService::NewStub(
        grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments));
    v1::CommitRequest commit;
    commit.set_session_id(kSession);
    commit.mutable_creds()->set_json(R"({"registered":true})");
    *commit.add_sets() = Entry("pre-key", "1", "[1]");
    *commit.add_sets() = Entry("session", "0", "[2]");
    grpc::ClientContext context;
    v1::CommitResponse response;
    ASSERT_TRUE(stub_->Commit(&context, commit, &response).ok());
  }

  // All that the server holds.
  std::string Everything() {
    std::string all;
    grpc::ClientContext context;
    v1::ListSessionsResponse sessions;
    EXPECT_TRUE(stub_->ListSessions(&context, {}, &sessions).ok());
    absl::StrAppend(&all, sessions.ShortDebugString());
    for (const v1::Session& session : sessions.sessions()) {
      v1::LoadSessionRequest request;
      request.set_session_id(session.session_id());
      EXPECT_TRUE(LoadAll(*stub_, request, &all).ok());
    }
    return all;
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(BadInputTest, EveryRuleOfEveryFieldHoldsAndNothingChanges) {
  const std::string before = Everything();
  const std::vector<BadInput> table = EveryBadInput();
  EXPECT_GT(table.size(), 120U);
  for (const BadInput& bad : table) {
    SCOPED_TRACE(bad.name);
    const grpc::Status status = bad.call(*stub_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_TRUE(absl::StartsWith(status.error_message(), bad.field + ": ")) << status.error_message();
    const google::rpc::ErrorInfo info = InfoOf(status);
    EXPECT_EQ(info.domain(), "authstate");
    EXPECT_EQ(info.reason(), "INVALID_FIELD");
    EXPECT_EQ(info.metadata().count("field") == 0 ? "" : info.metadata().at("field"), bad.field);
    EXPECT_EQ(info.metadata().count("outcome") == 0 ? "" : info.metadata().at("outcome"),
              bad.mutation ? "NOT_APPLIED" : "");
  }
  EXPECT_EQ(Everything(), before);
}

TEST_F(BadInputTest, AMessageOverTheWireLimitIsRefusedAndNothingChanges) {
  const std::string before = Everything();
  v1::SetKeysRequest request;
  request.set_session_id(kSession);
  *request.add_keys() = Entry("pre-key", "1");
  request.mutable_keys(0)->mutable_value()->set_raw(std::string(kMaxMessageBytes + 1, 'x'));
  grpc::ClientContext context;
  v1::SetKeysResponse response;
  EXPECT_EQ(stub_->SetKeys(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Everything(), before);
}

TEST_F(BadInputTest, HeadersOfMoreThan8KiBAreRefusedAndNothingChanges) {
  const std::string before = Everything();
  const auto set = [this](std::size_t bytes) {
    v1::SetKeysRequest request;
    request.set_session_id(kSession);
    *request.add_keys() = Entry("pre-key", "1", "[3]");
    grpc::ClientContext context;
    context.AddMetadata("x-long", std::string(bytes, 'x'));
    v1::SetKeysResponse response;
    return stub_->SetKeys(&context, request, &response).error_code();
  };
  EXPECT_EQ(set(std::size_t{8} << 10), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(set(std::size_t{7} << 10), grpc::StatusCode::OK);
}

TEST_F(BadInputTest, AFullCommitMayStillReplaceAllKeys) {
  v1::CommitRequest commit;
  commit.set_session_id(kSession);
  commit.set_clear_keys(true);
  for (std::size_t i = 0; i < kMaxCommitOperations; ++i) *commit.add_sets() = Entry("pre-key", absl::StrCat("n", i));
  grpc::ClientContext context;
  v1::CommitResponse response;
  const grpc::Status status = stub_->Commit(&context, commit, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();

  grpc::ClientContext list_context;
  v1::ListSessionsResponse sessions;
  ASSERT_TRUE(stub_->ListSessions(&list_context, {}, &sessions).ok());
  EXPECT_EQ(sessions.sessions(0).key_count(), kMaxCommitOperations);
}

TEST_F(BadInputTest, ACommitMayClearKeysAndDoNothingElse) {
  v1::CommitRequest commit;
  commit.set_session_id(kSession);
  commit.set_clear_keys(true);
  grpc::ClientContext context;
  v1::CommitResponse response;
  ASSERT_TRUE(stub_->Commit(&context, commit, &response).ok());

  grpc::ClientContext list_context;
  v1::ListSessionsResponse sessions;
  ASSERT_TRUE(stub_->ListSessions(&list_context, {}, &sessions).ok());
  EXPECT_EQ(sessions.sessions(0).key_count(), 0U);
  EXPECT_TRUE(sessions.sessions(0).has_creds());
}

TEST_F(BadInputTest, WhatIsJustWithinTheLimitsIsTaken) {
  v1::CommitRequest commit;
  commit.set_session_id(std::string(kMaxSessionIdBytes, 's'));
  for (int i = 0; i < 4; ++i) {
    *commit.add_sets() =
        Entry(std::string(kMaxKeyTypeBytes, 't'), std::string(kMaxKeyIdBytes - 1, 'i') + std::to_string(i));
    commit.mutable_sets(i)->mutable_value()->set_raw(std::string(kMaxValueBytes, 'x'));
  }
  grpc::ClientContext context;
  v1::CommitResponse response;
  const grpc::Status status = stub_->Commit(&context, commit, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.revision(), 1U);

  v1::GetKeysRequest get;
  get.set_session_id(commit.session_id());
  for (const v1::KeyEntry& entry : commit.sets()) *get.add_keys() = Selection(entry.key().type(), {entry.key().id()});
  grpc::ClientContext get_context;
  v1::GetKeysResponse keys;
  auto channel_arguments = grpc::ChannelArguments();
  channel_arguments.SetMaxReceiveMessageSize(-1);
  auto stub = v1::AuthStateService::NewStub(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), channel_arguments));
  ASSERT_TRUE(stub->GetKeys(&get_context, get, &keys).ok());
  EXPECT_EQ(keys.found_size(), 4);
}

}  // namespace
}  // namespace authstate
