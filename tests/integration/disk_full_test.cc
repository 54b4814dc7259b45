// authstated on a disk that fills up and is emptied again: what callers and health are told, and that it goes on.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/mounts.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using grpc::health::v1::HealthCheckResponse;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::size_t kLargeBytes = 1'000'000;

class DiskFullTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status mounts = TryToMount(); !mounts.ok()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "CI requires mounts: " << mounts;
      GTEST_SKIP() << mounts;
    }
    std::vector<std::string> argv = WithMounts(kMountSmallDisk, {directory_.path()});
    argv.insert(argv.end(),
                {ProgramPath("authstated"), "--listen", "127.0.0.1:0", "--sqlite-path", directory_.File("authstate.db"),
                 "--health-interval-ms", "20", "--copy-folder", directory_.path()});
    auto process = Subprocess::Start({std::move(argv), {}});
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    constexpr absl::string_view kReady = "authstated ready on ";
    const auto ready = process_->WaitForLine(kReady, kPatience);
    ASSERT_TRUE(ready.ok()) << ready.status();
    const std::string address = ready->substr(kReady.size(), ready->find(',') - kReady.size());
    const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    stub_ = v1::AuthStateService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    health_ = grpc::health::v1::Health::NewStub(channel);
  }

  grpc::Status Set(const std::string& bytes) {
    grpc::ClientContext context;
    v1::SetKeysRequest request;
    request.set_session_id("s");
    v1::KeyEntry* const entry = request.add_keys();
    entry->mutable_key()->set_type("t");
    entry->mutable_key()->set_id("1");
    entry->mutable_value()->set_raw(bytes);
    v1::SetKeysResponse response;
    return stub_->SetKeys(&context, request, &response);
  }

  // Empty when there is none.
  std::string Get() {
    grpc::ClientContext context;
    v1::GetKeysRequest request;
    request.set_session_id("s");
    v1::KeySelection* const keys = request.add_keys();
    keys->set_type("t");
    keys->add_ids("1");
    v1::GetKeysResponse response;
    EXPECT_TRUE(stub_->GetKeys(&context, request, &response).ok());
    return response.found_size() == 1 ? response.found(0).value().raw() : "";
  }

  bool BecomesHealthy(HealthCheckResponse::ServingStatus wanted) {
    const absl::Time deadline = absl::Now() + kPatience;
    HealthCheckResponse response;
    do {
      grpc::ClientContext context;
      EXPECT_TRUE(health_->Check(&context, {}, &response).ok());
      if (response.status() == wanted) return true;
    } while (absl::Now() < deadline);
    return false;
  }

  // Through the process, as the disk is mounted for it alone.
  std::string Filler() const { return absl::StrCat("/proc/", process_->pid(), "/root", directory_.File("filler")); }

  TempDir directory_;
  std::unique_ptr<Subprocess> process_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

TEST_F(DiskFullTest, IsToldAsSuchByCommitsAndHealthAndEndsByItself) {
  ASSERT_TRUE(Set("before").ok());
  {
    std::ofstream filler(Filler(), std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  std::mt19937 random;  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bytes in every run, that do not compress
  std::string large;
  for (std::size_t i = 0; i < kLargeBytes; ++i) large.push_back(static_cast<char>(random()));
  for (const std::string& bytes : {large, std::string("small")}) {
    const grpc::Status refused = Set(bytes);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << refused.error_message();
    EXPECT_EQ(ErrorInfoOf(refused).reason(), "DISK_FULL");
    EXPECT_EQ(ErrorInfoOf(refused).metadata().at("outcome"), "NOT_APPLIED");
  }
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::NOT_SERVING));
  EXPECT_EQ(Get(), "before");

  ASSERT_TRUE(std::filesystem::remove(Filler()));
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::SERVING));
  EXPECT_TRUE(Set(large).ok());
  EXPECT_EQ(Get(), large);
}

// What the disk has left is the store's, whose commits would fail.
TEST_F(DiskFullTest, ACopyThatWouldLeaveLittleIsRefused) {
  ASSERT_TRUE(Set("before").ok());
  grpc::ClientContext context;
  v1::CopyStoreRequest request;
  request.set_name("copy.db");
  const auto reader = admin_->CopyStore(&context, request);
  v1::CopyStoreResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status refused = reader->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << refused.error_message();
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "DISK_FULL");
  EXPECT_TRUE(Set("after").ok());
}

}  // namespace
}  // namespace authstate::test
