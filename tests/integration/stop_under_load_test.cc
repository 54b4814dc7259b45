// What callers see of a server that is told to stop while they all write, read and load: an answer, or that it is
// unavailable, and what became of their write. Never a call that was cancelled, which is what a caller does.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Pair;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::size_t kConnections = 4;
constexpr std::size_t kWritersPerConnection = 12;
constexpr std::size_t kReadersPerConnection = 4;
constexpr int kStops = 3;
constexpr char kLoaded[] = "loaded";

// Calls one server from many threads until it is gone.
class Crowd {
 public:
  explicit Crowd(const std::string& address) : acknowledged_(kConnections * kWritersPerConnection) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    for (std::size_t i = 0; i < kConnections; ++i) {
      stubs_.push_back(v1::AuthStateService::NewStub(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
    std::uint64_t ignored = 0;
    EXPECT_TRUE(SetCreds(*stubs_[0], kLoaded, &ignored));
    for (std::size_t i = 0; i < kConnections; ++i) {
      for (std::size_t j = 0; j < kWritersPerConnection; ++j) {
        threads_.emplace_back([this, i, j] { Write(*stubs_[i], i * kWritersPerConnection + j); });
      }
      for (std::size_t j = 0; j < kReadersPerConnection; ++j) threads_.emplace_back([this, i] { Read(*stubs_[i]); });
    }
    threads_.emplace_back([this, address] { Stream(address); });
  }
  ~Crowd() { End(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void AwaitCalls(int count) const {
    while (answered_.load() < count) absl::SleepFor(absl::Milliseconds(1));
  }
  void End() {
    over_.store(true);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  static std::string SessionOf(std::size_t writer) { return absl::StrCat("writer-", writer); }
  // The last revision that each writer was told; after End.
  const std::vector<std::uint64_t>& acknowledged() const { return acknowledged_; }
  int refused() const { return refused_.load(); }

 private:
  // Whether the call was answered.
  bool Judge(const char* what, const grpc::Status& status, bool mutation) {
    if (status.ok()) {
      ++answered_;
      return true;
    }
    ++refused_;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << what << ": " << status.error_message();
    // What the server itself says tells the outcome, too; a connection that is gone has no details.
    if (mutation && !status.error_details().empty()) {
      EXPECT_THAT(test::ErrorInfoOf(status).metadata(),
                  Contains(AnyOf(Pair("outcome", "NOT_APPLIED"), Pair("outcome", "UNKNOWN"))));
    }
    return false;
  }

  bool SetCreds(v1::AuthStateService::Stub& stub, const std::string& session_id, std::uint64_t* revision) {
    v1::SetCredsRequest request;
    request.set_session_id(session_id);
    request.mutable_creds()->set_json("{}");
    v1::SetCredsResponse response;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    if (!Judge("SetCreds", stub.SetCreds(&context, request, &response), /*mutation=*/true)) return false;
    *revision = response.revision();
    return true;
  }

  void Write(v1::AuthStateService::Stub& stub, std::size_t writer) {
    while (!over_.load()) SetCreds(stub, SessionOf(writer), &acknowledged_[writer]);
  }

  void Read(v1::AuthStateService::Stub& stub) {
    while (!over_.load()) {
      {
        v1::GetKeysRequest request;
        request.set_session_id(kLoaded);
        v1::KeySelection* const keys = request.add_keys();
        keys->set_type("pre-key");
        keys->add_ids("1");
        v1::GetKeysResponse response;
        grpc::ClientContext context;
        context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
        Judge("GetKeys", stub.GetKeys(&context, request, &response), /*mutation=*/false);
      }
      v1::LoadSessionRequest request;
      request.set_session_id(kLoaded);
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
      const auto reader = stub.LoadSession(&context, request);
      v1::LoadSessionResponse page;
      while (reader->Read(&page)) continue;
      Judge("LoadSession", reader->Finish(), /*mutation=*/false);
    }
  }

  void Stream(const std::string& address) {
    while (!over_.load()) {
      test::PipeCaller pipe(address);
      v1::PipeRequest request;
      v1::PipeOperation* const operation = request.add_operations();
      operation->set_tag(1);
      operation->set_channel(1);
      operation->mutable_get()->set_creds(true);
      while (pipe.Call(request).size() == 1) ++answered_;
      Judge("Pipe", pipe.Finish(), /*mutation=*/false);
    }
  }

  std::atomic<bool> over_ = false;
  std::atomic<int> answered_ = 0;
  std::atomic<int> refused_ = 0;
  // One for each writer, which alone writes it.
  std::vector<std::uint64_t> acknowledged_;
  std::vector<std::unique_ptr<v1::AuthStateService::Stub>> stubs_;
  std::vector<std::thread> threads_;
};

TEST(StopUnderLoadTest, EveryCallIsAnsweredOrUnavailableAndWhatWasAcknowledgedStays) {
  const test::TempDir directory;
  auto server = test::TestServer::Create({{"--sqlite-path", directory.File("authstate.db")}, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  for (int i = 0; i < kStops; ++i) {
    Crowd crowd((*server)->address());
    crowd.AwaitCalls(1'000);
    const auto exit = (*server)->Terminate();
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->code, 0);
    crowd.End();
    EXPECT_GT(crowd.refused(), 0);

    ASSERT_TRUE((*server)->Restart().ok());
    const auto stub =
        v1::AuthStateService::NewStub(grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
    for (std::size_t writer = 0; writer < crowd.acknowledged().size(); ++writer) {
      v1::GetCredsRequest request;
      request.set_session_id(Crowd::SessionOf(writer));
      v1::GetCredsResponse response;
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
      const grpc::Status read = stub->GetCreds(&context, request, &response);
      EXPECT_TRUE(read.ok()) << read.error_message();
      EXPECT_GE(response.revision(), crowd.acknowledged()[writer]);
    }
  }
}

}  // namespace
}  // namespace authstate
