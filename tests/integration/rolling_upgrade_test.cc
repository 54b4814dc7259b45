// Two builds of the schema on one database: authstated, and authstated_next, which knows one migration more. Servers
// are replaced one after the other while writes go on through both.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kSchemaExit = 6;

using Stub = v1::AuthStateService::Stub;

// One server of either build.
class Server {
 public:
  Server(const std::string& program, const std::string& url, std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {test::ProgramPath(program), "--backend=postgres", "--postgres-url=" + url,
                                     "--listen=127.0.0.1:0"};
    argv.insert(argv.end(), more.begin(), more.end());
    auto process = Subprocess::Start({std::move(argv), {}});
    EXPECT_TRUE(process.ok()) << process.status();
    if (process.ok()) process_ = *std::move(process);
  }

  // The address, once it serves.
  std::string AwaitReady() {
    constexpr absl::string_view kReady = "authstated ready on ";
    const auto line = process_->WaitForLine(kReady, kPatience);
    EXPECT_TRUE(line.ok()) << line.status();
    if (!line.ok()) return "";
    return line->substr(kReady.size(), line->find(',') - kReady.size());
  }
  // How it ended by itself.
  int AwaitEnd() {
    const auto exit = process_->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    return exit.ok() ? exit->code.value_or(-1) : -1;
  }
  void Stop() {
    process_->Signal(SIGTERM);
    EXPECT_EQ(AwaitEnd(), 0);
  }
  std::string errors() const { return process_->output(Subprocess::Stream::kStderr); }

 private:
  std::unique_ptr<Subprocess> process_;
};

std::unique_ptr<Stub> Connect(const std::string& address) {
  return v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

// Writes key after key of one session through the server that it is pointed at, until it is stopped.
class Writer {
 public:
  Writer(std::string session_id, std::string address)
      : session_id_(std::move(session_id)), address_(std::move(address)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Writer() {
    if (thread_.joinable()) Stop();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Returns once at least one more commit was acknowledged.
  void AwaitMore() const {
    const std::uint64_t before = acknowledged_;
    const absl::Time limit = absl::Now() + kPatience;
    while (acknowledged_ == before && absl::Now() < limit) std::this_thread::yield();
    EXPECT_GT(acknowledged_, before);
  }
  // How many commits were acknowledged.
  std::uint64_t Stop() {
    stopping_ = true;
    thread_.join();
    return acknowledged_;
  }
  const std::string& session_id() const { return session_id_; }

 private:
  void Run() {
    const std::unique_ptr<Stub> stub = Connect(address_);
    while (!stopping_) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
      v1::CommitRequest request;
      request.set_session_id(session_id_);
      v1::KeyEntry& entry = *request.add_sets();
      entry.mutable_key()->set_type("pre-key");
      entry.mutable_key()->set_id(absl::StrCat(acknowledged_ + 1));
      entry.mutable_value()->set_raw("v");
      v1::CommitResponse response;
      const grpc::Status status = stub->Commit(&context, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
      ASSERT_EQ(response.revision(), acknowledged_ + 1);
      ++acknowledged_;
    }
  }

  const std::string session_id_;
  const std::string address_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::thread thread_;
};

// Keys of the session as the server at `address` sees them.
std::uint64_t CountKeys(const std::string& address, const std::string& session_id) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  v1::LoadSessionRequest request;
  request.set_session_id(session_id);
  const std::unique_ptr<Stub> stub = Connect(address);
  const auto reader = stub->LoadSession(&context, request);
  v1::LoadSessionResponse page;
  std::uint64_t keys = 0;
  while (reader->Read(&page)) keys += static_cast<std::uint64_t>(page.keys_size());
  EXPECT_TRUE(reader->Finish().ok());
  return keys;
}

using RollingUpgradeTest = test::PostgresTest;

TEST_F(RollingUpgradeTest, OldAndNewServersWriteSideBySideWhileTheSchemaExpands) {
  Server old_first("authstated", url());
  const std::string old_address = old_first.AwaitReady();
  Writer through_old("old", old_address);
  through_old.AwaitMore();

  // The new build does not change the schema of others unasked.
  Server hasty("authstated_next", url());
  EXPECT_EQ(hasty.AwaitEnd(), kSchemaExit);
  EXPECT_THAT(hasty.errors(), HasSubstr("authstatectl schema up"));

  Server next("authstated_next", url(), {"--migrate"});
  const std::string next_address = next.AwaitReady();
  Writer through_next("next", next_address);
  through_next.AwaitMore();
  // The old server goes on over the expanded schema, and one that starts anew does too.
  through_old.AwaitMore();
  Server old_second("authstated", url());
  const std::string second_address = old_second.AwaitReady();
  Writer through_second("second", second_address);
  through_second.AwaitMore();
  through_next.AwaitMore();

  for (Writer* writer : {&through_old, &through_next, &through_second}) {
    const std::uint64_t acknowledged = writer->Stop();
    EXPECT_EQ(CountKeys(old_address, writer->session_id()), acknowledged);
    EXPECT_EQ(CountKeys(next_address, writer->session_id()), acknowledged);
  }
  old_first.Stop();
  old_second.Stop();
  next.Stop();
}

TEST_F(RollingUpgradeTest, ServersOfBothBuildsMayStartAtOnceOnAnEmptyDatabase) {
  Server old_build("authstated", url());
  Server next_build("authstated_next", url(), {"--migrate"});
  EXPECT_FALSE(old_build.AwaitReady().empty());
  EXPECT_FALSE(next_build.AwaitReady().empty());
}

}  // namespace
}  // namespace authstate
