// One caller's share of a real authstated, beside another's.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

class CallerLimitsServerTest : public testing::Test {
 protected:
  void Start(const std::string& option, const std::string& value) {
    for (std::string* const token : {&one_, &other_}) {
      const CliResult made = CliRunner("").Bash(
          absl::StrCat("authstatectl token create --quiet --read --write --all-sessions --sqlite-path ", path_));
      ASSERT_EQ(made.code, kOk) << made.err;
      *token = std::string(absl::StripAsciiWhitespace(made.out));
    }
    auto server = TestServer::Create({{"--sqlite-path", path_, option, value}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  static void Show(const std::string& token, grpc::ClientContext* context) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
    context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
  }
  grpc::Status Call(const std::string& token) {
    grpc::ClientContext context;
    Show(token, &context);
    v1::ListSessionsResponse response;
    return stub_->ListSessions(&context, v1::ListSessionsRequest(), &response);
  }
  static void ExpectRefused(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
    EXPECT_EQ(ErrorInfoOf(status).reason(), "CALLER_LIMIT");
  }

  const TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
  std::string one_;
  std::string other_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

TEST_F(CallerLimitsServerTest, AnOpenPipeIsACallUnderWay) {
  ASSERT_NO_FATAL_FAILURE(Start("--max-calls-per-caller", "1"));
  grpc::ClientContext context;
  Show(one_, &context);
  const auto stream = stub_->Pipe(&context);
  ASSERT_TRUE(stream->Write(pipe::Message({pipe::Attach(1, 1, "s")})));
  v1::PipeResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ExpectRefused(Call(one_));
  EXPECT_TRUE(Call(other_).ok());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(CallerLimitsServerTest, OperationsOfAPipeCountAsCallsDo) {
  ASSERT_NO_FATAL_FAILURE(Start("--max-rate-per-caller", "2"));
  grpc::ClientContext context;
  Show(one_, &context);
  const auto stream = stub_->Pipe(&context);
  // More than there is room for, whatever time the machine takes for one message.
  std::vector<v1::PipeOperation> operations = {pipe::Attach(1, 1, "s")};
  for (std::uint64_t tag = 2; tag <= 100; ++tag) operations.push_back(pipe::Get(1, tag));
  ASSERT_TRUE(stream->Write(pipe::Message(operations)));
  std::size_t answers = 0;
  std::size_t refused = 0;
  v1::PipeResponse response;
  while (answers < operations.size() && stream->Read(&response)) {
    answers += static_cast<std::size_t>(response.results_size());
    for (const v1::PipeResult& result : response.results()) {
      refused += result.has_error() && ErrorInfoOf(result.error()).reason() == "CALLER_LIMIT" ? 1 : 0;
    }
  }
  EXPECT_EQ(answers, operations.size());
  EXPECT_GT(refused, 0U);
  EXPECT_TRUE(Call(other_).ok());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace authstate::test
