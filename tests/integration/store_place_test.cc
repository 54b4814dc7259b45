// authstated whose SQLite file is taken away: while it serves, and before it starts.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using grpc::health::v1::HealthCheckResponse;
using std::filesystem::remove;
using std::filesystem::rename;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kStoreCannotBeOpened = 4;

class StorePlaceTest : public testing::Test {
 protected:
  void Start() {
    auto server = TestServer::Create({{"--sqlite-path", path_}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::AuthStateService::NewStub(channel);
    health_ = grpc::health::v1::Health::NewStub(channel);
  }

  static std::string CredsOf(int number) { return absl::StrCat(R"({"number":)", number, "}"); }

  grpc::Status SetCreds(int number) {
    grpc::ClientContext context;
    v1::SetCredsRequest request;
    request.set_session_id("s");
    request.mutable_creds()->set_json(CredsOf(number));
    v1::SetCredsResponse response;
    return stub_->SetCreds(&context, request, &response);
  }

  std::string Creds() {
    grpc::ClientContext context;
    v1::GetCredsRequest request;
    request.set_session_id("s");
    v1::GetCredsResponse response;
    const grpc::Status status = stub_->GetCreds(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.creds().json();
  }

  bool BecomesHealthy(HealthCheckResponse::ServingStatus wanted) {
    const absl::Time deadline = absl::Now() + kPatience;
    HealthCheckResponse response;
    do {
      grpc::ClientContext context;
      EXPECT_TRUE(health_->Check(&context, {}, &response).ok());
      if (response.status() == wanted) return true;
      absl::SleepFor(absl::Milliseconds(10));
    } while (absl::Now() < deadline);
    return false;
  }

  // A start that fails: what it says.
  std::string Refusal() {
    auto process = Subprocess::Start({{ProgramPath("authstated"), "--listen", "127.0.0.1:0", "--sqlite-path", path_}});
    EXPECT_TRUE(process.ok()) << process.status();
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit.ok() ? exit->code : -1, kStoreCannotBeOpened);
    return (*process)->output(Subprocess::Stream::kStderr);
  }

  TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
  const std::string elsewhere_ = directory_.File("elsewhere.db");
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

TEST_F(StorePlaceTest, ARenamedFileIsNotServingUntilItIsPutBack) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(SetCreds(1).ok());
  rename(path_, elsewhere_);
  const grpc::Status refused = SetCreds(2);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE) << refused.error_message();
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(refused.error_details()));
  google::rpc::ErrorInfo info;
  for (const auto& detail : details.details()) (void)detail.UnpackTo(&info);
  EXPECT_EQ(info.reason(), "DATABASE_MOVED");
  EXPECT_EQ(info.metadata().at("outcome"), "NOT_APPLIED");
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::NOT_SERVING));
  EXPECT_EQ(Creds(), CredsOf(1));

  rename(elsewhere_, path_);
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::SERVING));
  EXPECT_TRUE(SetCreds(3).ok());
  ASSERT_TRUE(server_->Kill().ok());
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Creds(), CredsOf(3));
}

TEST_F(StorePlaceTest, ADeletedLogLosesNothingThoughTheServerIsKilled) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(SetCreds(1).ok());
  remove(path_ + "-wal");
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::NOT_SERVING));
  EXPECT_EQ(SetCreds(2).error_code(), grpc::StatusCode::UNAVAILABLE);
  ASSERT_TRUE(server_->Kill().ok());
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Creds(), CredsOf(1));
}

TEST_F(StorePlaceTest, NothingEmptyIsServedWhereAStoreWas) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(SetCreds(1).ok());
  ASSERT_TRUE(server_->Kill().ok());
  rename(path_, elsewhere_);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_ + "-wal"), HasSubstr("is not empty")));
  rename(elsewhere_, path_);
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Creds(), CredsOf(1));

  ASSERT_TRUE(server_->Terminate().ok());
  remove(path_);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_ + ".made"), HasSubstr("delete that file")));
  remove(path_ + ".made");
  ASSERT_NO_FATAL_FAILURE(Start());
}

}  // namespace
}  // namespace authstate::test
