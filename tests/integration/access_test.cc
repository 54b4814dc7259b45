// Tokens over time: the first one, one that is revoked while it is in use, and what the holder of one may see.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/generic_call.h"
#include "tests/integration/granted_rights.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_server.h"
#include "tokens/token.h"

namespace authstate {
namespace {

using test::kAdmin;
using test::kRead;
using test::kWrite;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace send = test::pipe;

constexpr absl::Duration kPatience = absl::Seconds(60);
const std::vector<storage::SessionScope> kEverySession = {{"", /*prefix=*/true}};

// Servers on a PostgreSQL, whose rights a test changes as another server would.
class AccessTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    rights_ = test::GrantedRights::InPostgres(url());
  }

  std::unique_ptr<test::TestServer> Serve() {
    auto server = test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + url()}, {}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  static std::shared_ptr<grpc::Channel> ChannelTo(const test::TestServer& server) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments);
  }

  static void Show(const std::string& token, grpc::ClientContext* context) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    if (!token.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }

  // `ok`, or the reason of a failure.
  static std::string Write(const std::shared_ptr<grpc::Channel>& channel, const std::string& session_id,
                           const std::string& token, std::size_t bytes = 1, int keys = 1) {
    grpc::ClientContext context;
    Show(token, &context);
    v1::CommitRequest request;
    request.set_session_id(session_id);
    request.mutable_creds()->set_json("{}");
    for (int i = 0; i < keys; ++i) {
      v1::KeyEntry* const entry = request.add_sets();
      entry->mutable_key()->set_type("t");
      entry->mutable_key()->set_id(absl::StrCat(i));
      entry->mutable_value()->set_raw(std::string(bytes, 'v'));
    }
    v1::CommitResponse response;
    return Reason(v1::AuthStateService::NewStub(channel)->Commit(&context, request, &response));
  }
  static std::string Read(const std::shared_ptr<grpc::Channel>& channel, const std::string& session_id,
                          const std::string& token) {
    grpc::ClientContext context;
    Show(token, &context);
    v1::GetCredsRequest request;
    request.set_session_id(session_id);
    v1::GetCredsResponse response;
    return Reason(v1::AuthStateService::NewStub(channel)->GetCreds(&context, request, &response));
  }
  static std::string Reason(const grpc::Status& status) {
    const test::CallOutcome outcome = test::OutcomeOf(status);
    if (status.ok()) return "ok";
    return outcome.reason.empty() ? absl::StrCat(status.error_code(), " ", status.error_message()) : outcome.reason;
  }

  // Reads until the answer is no longer `before`; what it is then.
  static std::string AwaitChange(const std::shared_ptr<grpc::Channel>& channel, const std::string& session_id,
                                 const std::string& token, const std::string& before) {
    const absl::Time deadline = absl::Now() + kPatience;
    std::string reason = before;
    while (reason == before && absl::Now() < deadline) reason = Read(channel, session_id, token);
    return reason;
  }

  std::unique_ptr<test::GrantedRights> rights_;
};

TEST_F(AccessTest, AnOpenServerSaysSoAndTheFirstTokenShutsIt) {
  const auto server = Serve();
  const auto line = server->process().WaitForLine("ready", kPatience, test::Subprocess::Stream::kStderr);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, testing::HasSubstr("open: nobody has been given rights"));
  const auto channel = ChannelTo(*server);
  ASSERT_EQ(Write(channel, "s", ""), "ok");
  test::PipeCaller pipe(channel, "");
  ASSERT_EQ(pipe.Call(send::Message({send::Attach(0, 1, "s")})).size(), 1U);
  const std::string token = rights_->Token(kRead, kEverySession);
  EXPECT_EQ(AwaitChange(channel, "s", "", "ok"), "NO_TOKEN");
  EXPECT_EQ(Read(channel, "s", token), "ok");
  // A stream from before is ended too.
  v1::PipeResponse response;
  while (pipe.Receive(&response)) continue;
  EXPECT_EQ(Reason(pipe.Finish()), "NO_TOKEN");
  // Revoking all of them opens nothing.
  rights_->Revoke(token);
  EXPECT_EQ(AwaitChange(channel, "s", token, "ok"), "TOKEN_REVOKED");
  EXPECT_EQ(Read(channel, "s", ""), "NO_TOKEN");
}

TEST_F(AccessTest, TwoCallersOnOneConnectionDoNotBecomeEachOther) {
  const std::string a = rights_->Token(kRead | kWrite, {{"a", /*prefix=*/true}});
  const std::string b = rights_->Token(kRead, {{"b", /*prefix=*/true}});
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  ASSERT_EQ(Write(channel, "a1", a), "ok");
  constexpr int kCalls = 100;
  const auto call = [&channel](const std::string& own, const std::string& other, const std::string& token,
                               const std::string& missing) {
    test::PipeCaller pipe(channel, absl::StrCat("Bearer ", token));
    for (int i = 0; i < kCalls; ++i) {
      EXPECT_EQ(Read(channel, own, token), missing);
      EXPECT_EQ(Read(channel, other, token), "SESSION_OUT_OF_SCOPE");
      const auto answers = pipe.Call(send::Message({send::Attach(0, 1, other)}));
      ASSERT_EQ(answers.size(), 1U);
      EXPECT_EQ(test::ErrorInfoOf(answers[0].error()).reason(), "SESSION_OUT_OF_SCOPE");
    }
  };
  std::thread first(call, "a1", "b1", a, "ok");
  std::thread second(call, "b1", "a1", b, "NO_CREDS");
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(Read(channel, "a1", ""), "NO_TOKEN");
  first.join();
  second.join();
}

TEST_F(AccessTest, ARevokedTokenIsRefusedByEveryServer) {
  const std::string token = rights_->Token(kRead | kWrite, kEverySession);
  const auto first = Serve();
  const auto second = Serve();
  ASSERT_EQ(Write(ChannelTo(*first), "s", token), "ok");
  ASSERT_EQ(Read(ChannelTo(*second), "s", token), "ok");
  rights_->Revoke(token);
  EXPECT_EQ(AwaitChange(ChannelTo(*first), "s", token, "ok"), "TOKEN_REVOKED");
  EXPECT_EQ(AwaitChange(ChannelTo(*second), "s", token, "ok"), "TOKEN_REVOKED");
}

TEST_F(AccessTest, AServerGoesByItsOwnChangesAtOnce) {
  const std::string admin = rights_->Token(kAdmin, {});
  const std::string token = rights_->Token(kRead | kWrite, kEverySession);
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  ASSERT_EQ(Write(channel, "s", token), "ok");
  grpc::ClientContext context;
  Show(admin, &context);
  v1::RevokeTokenRequest request;
  request.set_id(tokens::Token::Parse(token)->id());
  v1::RevokeTokenResponse response;
  ASSERT_EQ(Reason(v1::AdminService::NewStub(channel)->RevokeToken(&context, request, &response)), "ok");
  EXPECT_EQ(Read(channel, "s", token), "TOKEN_REVOKED");
}

TEST_F(AccessTest, APipeWhoseTokenIsRevokedEnds) {
  const std::string token = rights_->Token(kRead | kWrite, kEverySession);
  const std::string other = rights_->Token(kRead | kWrite, kEverySession);
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  test::PipeCaller idle(channel, absl::StrCat("Bearer ", token));
  test::PipeCaller busy(channel, absl::StrCat("Bearer ", token));
  test::PipeCaller others(channel, absl::StrCat("Bearer ", other));
  ASSERT_EQ(idle.Call(send::Message({send::Attach(0, 1, "idle")})).size(), 1U);
  ASSERT_EQ(busy.Call(send::Message({send::Attach(0, 1, "busy")})).size(), 1U);
  ASSERT_EQ(others.Call(send::Message({send::Attach(0, 1, "other")})).size(), 1U);
  rights_->Revoke(token);
  // Each commit before is done, each from then on is refused for the one reason, and none is done after a refused one.
  bool refused = false;
  for (std::uint64_t number = 1;; ++number) {
    const auto answers = busy.Call(send::Message({send::Commit(0, number, number, "v")}));
    if (answers.empty()) break;
    if (answers[0].has_error()) {
      EXPECT_EQ(test::ErrorInfoOf(answers[0].error()).reason(), "TOKEN_REVOKED");
      EXPECT_EQ(test::ErrorInfoOf(answers[0].error()).metadata().at("outcome"), "NOT_APPLIED");
      refused = true;
    } else {
      EXPECT_FALSE(refused);
    }
  }
  EXPECT_EQ(Reason(busy.Finish()), "TOKEN_REVOKED");
  v1::PipeResponse response;
  EXPECT_FALSE(idle.Receive(&response));
  EXPECT_EQ(Reason(idle.Finish()), "TOKEN_REVOKED");
  EXPECT_EQ(others.Call(send::Message({send::Get(0, 2)})).size(), 1U);
}

TEST_F(AccessTest, ALoadWhoseTokenIsRevokedEnds) {
  const std::string token = rights_->Token(kRead | kWrite, kEverySession);
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  constexpr std::size_t kValueBytes = std::size_t{1} << 20;
  constexpr int kValues = 30;
  ASSERT_EQ(Write(channel, "s", token, kValueBytes, kValues), "ok");
  const auto stub = v1::AuthStateService::NewStub(channel);
  grpc::ClientContext context;
  Show(token, &context);
  v1::LoadSessionRequest request;
  request.set_session_id("s");
  const auto reader = stub->LoadSession(&context, request);
  v1::LoadSessionResponse page;
  ASSERT_TRUE(reader->Read(&page));
  int keys = page.keys_size();
  rights_->Revoke(token);
  ASSERT_EQ(AwaitChange(channel, "s", token, "ok"), "TOKEN_REVOKED");
  while (reader->Read(&page)) keys += page.keys_size();
  EXPECT_EQ(Reason(reader->Finish()), "TOKEN_REVOKED");
  EXPECT_LT(keys, kValues);
}

TEST_F(AccessTest, AListShowsWhatItsCallerMaySee) {
  const std::string all = rights_->Token(kRead | kWrite, kEverySession);
  const std::string some = rights_->Token(kRead, {{"b", /*prefix=*/true}, {"a2", /*prefix=*/false}});
  const std::string none = rights_->Token(kRead, {{"x", /*prefix=*/true}});
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  for (const char* const id : {"a1", "a2", "a22", "b1", "b2", "b3", "c"}) ASSERT_EQ(Write(channel, id, all), "ok");
  const auto list = [&channel](const std::string& token, int page_size) {
    std::vector<std::string> ids;
    v1::ListSessionsRequest request;
    request.set_page_size(page_size);
    do {
      grpc::ClientContext context;
      Show(token, &context);
      v1::ListSessionsResponse response;
      const grpc::Status listed = v1::AuthStateService::NewStub(channel)->ListSessions(&context, request, &response);
      EXPECT_EQ(Reason(listed), "ok");
      for (const v1::Session& session : response.sessions()) ids.push_back(session.session_id());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  };
  for (const int page_size : {1, 2, 3, 100}) {
    EXPECT_THAT(list(some, page_size), ElementsAre("a2", "b1", "b2", "b3")) << page_size;
  }
  EXPECT_THAT(list(none, 100), IsEmpty());
  EXPECT_THAT(list(all, 2), testing::SizeIs(7));
}

TEST_F(AccessTest, BeyondLoopbackNothingIsServedBeforeSomebodyHasRights) {
  const auto certificates = test::TestCertificates::Create();
  ASSERT_TRUE(certificates.ok()) << certificates.status();
  const std::vector<std::string> arguments = {"--backend=postgres", "--postgres-url=" + url(), "--listen=0.0.0.0:0",
                                              "--tls-certificate=" + (*certificates)->File("server.pem"),
                                              "--tls-key=" + (*certificates)->File("server.key")};
  std::vector<std::string> argv = {test::ProgramPath("authstated"), "--log-level=error"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto refused = test::Subprocess::Start({argv, {}});
  ASSERT_TRUE(refused.ok()) << refused.status();
  const auto exit = (*refused)->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 9);
  EXPECT_EQ((*refused)->output(test::Subprocess::Stream::kStdout), "");
  const std::string said = (*refused)->output(test::Subprocess::Stream::kStderr);
  EXPECT_THAT(said, testing::HasSubstr("--listen 0.0.0.0:0: others than this machine can reach that"));
  EXPECT_THAT(said, testing::HasSubstr("authstatectl token create"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);

  std::vector<std::string> open = arguments;
  open.emplace_back("--allow-insecure");
  const auto allowed = test::TestServer::Create({open, {}});
  ASSERT_TRUE(allowed.ok()) << allowed.status();
  EXPECT_TRUE(
      (*allowed)
          ->process()
          .WaitForLine("whoever reaches the address may do everything", kPatience, test::Subprocess::Stream::kStderr)
          .ok());

  (void)rights_->Token(kRead, kEverySession);
  const auto served = test::TestServer::Create({arguments, {}});
  EXPECT_TRUE(served.ok()) << served.status();
}

TEST_F(AccessTest, TheSecretIsInNoLog) {
  const std::string token = rights_->Token(kRead | kWrite, {{"a", /*prefix=*/true}});
  const auto server = Serve();
  const auto channel = ChannelTo(*server);
  const std::string secret = token.substr(token.rfind('_') + 1);
  ASSERT_EQ(Write(channel, "a", token), "ok");
  ASSERT_EQ(Read(channel, "b", token), "SESSION_OUT_OF_SCOPE");
  ASSERT_EQ(Read(channel, "a", absl::StrCat(token, "x")), "BAD_TOKEN");
  rights_->Revoke(token);
  ASSERT_EQ(AwaitChange(channel, "a", token, "ok"), "TOKEN_REVOKED");
  ASSERT_TRUE(server->Terminate().ok());
  const std::string log = server->process().output(test::Subprocess::Stream::kStderr);
  EXPECT_THAT(log, testing::HasSubstr("TOKEN_REVOKED"));
  EXPECT_THAT(log, testing::Not(testing::HasSubstr(secret)));
}

}  // namespace
}  // namespace authstate
