// authstated with --write-behind, before a PostgreSQL that goes away, and killed meanwhile.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/postgres_test.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

constexpr char kSession[] = "s";

class Client {
 public:
  explicit Client(const std::string& address)
      : stub_(v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  grpc::Status Acquire(const std::string& owner, std::uint64_t* fence, absl::Duration ttl = absl::Minutes(10)) {
    grpc::ClientContext context;
    Prepare(context);
    v1::AcquireLeaseRequest request;
    request.set_session_id(kSession);
    request.set_owner(owner);
    request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(ttl));
    v1::AcquireLeaseResponse response;
    const grpc::Status status = stub_->AcquireLease(&context, request, &response);
    *fence = response.lease().fence();
    return status;
  }

  // Key `id` gets the value `value`.
  grpc::Status Set(std::uint64_t fence, const std::string& id, const std::string& value) {
    grpc::ClientContext context;
    Prepare(context);
    v1::CommitRequest request;
    request.set_session_id(kSession);
    request.set_fence(fence);
    v1::KeyEntry& entry = *request.add_sets();
    entry.mutable_key()->set_type("session");
    entry.mutable_key()->set_id(id);
    entry.mutable_value()->set_raw(value);
    v1::CommitResponse response;
    return stub_->Commit(&context, request, &response);
  }

  v1::Lease GetLease() {
    grpc::ClientContext context;
    Prepare(context);
    v1::GetLeaseRequest request;
    request.set_session_id(kSession);
    v1::GetLeaseResponse response;
    const grpc::Status status = stub_->GetLease(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.lease();
  }

  std::string Get(const std::string& id) {
    grpc::ClientContext context;
    Prepare(context);
    v1::GetKeysRequest request;
    request.set_session_id(kSession);
    v1::KeySelection& keys = *request.add_keys();
    keys.set_type("session");
    keys.add_ids(id);
    v1::GetKeysResponse response;
    const grpc::Status status = stub_->GetKeys(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.found_size() == 1 ? response.found(0).value().raw() : "";
  }

 private:
  static void Prepare(grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    context.set_wait_for_ready(true);
  }

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

class WriteBehindTest : public PostgresTest {
 protected:
  std::unique_ptr<TestServer> Start(const std::string& file) { return Start(file, url()); }
  std::unique_ptr<TestServer> Start(const std::string& file, const std::string& postgres_url,
                                    std::vector<std::string> environment = {}) {
    TestServer::Options options;
    options.environment = std::move(environment);
    options.arguments = {"--backend", "postgres", "--postgres-url", postgres_url, "--drain-timeout-ms", "5000"};
    if (!file.empty()) {
      options.arguments.insert(options.arguments.end(),
                               {"--write-behind", folder_.File(file), "--advertise", absl::StrCat(file, ":1")});
    }
    auto server = TestServer::Create(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  void AwaitRevision(int revision) {
    const absl::Status reached = TestPostgres::AwaitAnswer(
        url(), "SELECT revision FROM authstate.auth_sessions WHERE session_id = 's'", absl::StrCat(revision));
    EXPECT_TRUE(reached.ok()) << reached;
  }

  TempDir folder_;
};

TEST_F(WriteBehindTest, NothingIsLostWhereTheDatabaseIsAwayAndTheServerKilled) {
  const auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  std::uint64_t fence = 0;
  ASSERT_TRUE(Client(server->address()).Acquire("pool", &fence).ok());
  int commits = 0;
  const auto set = [&](const std::string& id) {
    const grpc::Status status = Client(server->address()).Set(fence, id, absl::StrCat("v", ++commits));
    EXPECT_TRUE(status.ok()) << status.error_message();
  };
  set("0");
  AwaitRevision(1);
  ASSERT_TRUE(postgres().Kill().ok());
  constexpr int kKills = 3;
  for (int kill = 0; kill < kKills; ++kill) {
    for (int i = 0; i < 10; ++i) set(absl::StrCat(i));
    ASSERT_TRUE(server->Kill().ok());
    ASSERT_TRUE(server->Restart().ok());
    EXPECT_EQ(Client(server->address()).Get("9"), absl::StrCat("v", commits));
  }
  ASSERT_TRUE(postgres().Start().ok());
  AwaitRevision(commits);
  const auto plain = Start("");
  ASSERT_NE(plain, nullptr);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Client(plain->address()).Get(absl::StrCat(i)), absl::StrCat("v", commits - 9 + i));
  }
}

TEST_F(WriteBehindTest, StoppedServerGivesItsSessionsBackToTheirOwners) {
  const auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  std::uint64_t fence = 0;
  ASSERT_TRUE(Client(server->address()).Acquire("pool", &fence).ok());
  ASSERT_TRUE(Client(server->address()).Set(fence, "1", "v").ok());
  const auto ended = server->Terminate();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(Query("SELECT lease_owner || fence FROM authstate.auth_sessions"), absl::StrCat("pool", fence));
  const auto plain = Start("");
  ASSERT_NE(plain, nullptr);
  EXPECT_EQ(Client(plain->address()).Get("1"), "v");
  EXPECT_TRUE(Client(plain->address()).Set(fence, "1", "w").ok());
}

TEST_F(WriteBehindTest, OtherServerNamesTheOneThatHasTheSession) {
  const auto server = Start("near.db");
  const auto other = Start("other.db");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  std::uint64_t fence = 0;
  ASSERT_TRUE(Client(server->address()).Acquire("pool", &fence).ok());
  const grpc::Status held = Client(other->address()).Acquire("another", &fence);
  EXPECT_EQ(held.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(held.error_message().find("@near.db:1"), std::string::npos) << held.error_message();
}

// Under a home's fence whoever knew it could write in its name.
TEST_F(WriteBehindTest, LeaseOfASessionThatIsAtHomeElsewhereNamesTheHomeAndNoFence) {
  const auto server = Start("near.db");
  const auto other = Start("");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  std::uint64_t fence = 0;
  ASSERT_TRUE(Client(server->address()).Acquire("pool", &fence).ok());
  EXPECT_EQ(Client(server->address()).GetLease().owner(), "pool");
  EXPECT_EQ(Client(server->address()).GetLease().fence(), fence);
  const v1::Lease seen = Client(other->address()).GetLease();
  EXPECT_TRUE(absl::StartsWith(seen.owner(), "home:")) << seen.owner();
  EXPECT_TRUE(absl::EndsWith(seen.owner(), "@near.db:1")) << seen.owner();
  EXPECT_EQ(seen.fence(), 0U);
  EXPECT_GT(seen.remaining().seconds(), 0);
}

TEST_F(WriteBehindTest, StopDoesNotWaitForADatabaseThatDoesNotAnswer) {
  auto proxy = TcpProxy::Create(postgres().port());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  const auto server =
      Start("near.db",
            absl::StrReplaceAll(url(), {{absl::StrCat(":", postgres().port()), absl::StrCat(":", (*proxy)->port())}}));
  ASSERT_NE(server, nullptr);
  std::uint64_t fence = 0;
  ASSERT_TRUE(Client(server->address()).Acquire("pool", &fence).ok());
  (*proxy)->Hold(Direction::kToServer);
  (*proxy)->Hold(Direction::kToClient);
  ASSERT_TRUE(Client(server->address()).Set(fence, "1", "v").ok());
  const auto ended = server->Terminate();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->code, std::optional<int>(0));
  // By itself the call that is under way would end later than that.
  EXPECT_THAT(
      server->process().output(Subprocess::Stream::kStderr),
      testing::AllOf(testing::HasSubstr("1 sessions stay at home"), testing::HasSubstr("stopped without waiting")));
  (*proxy)->Resume();
  ASSERT_TRUE(server->Restart().ok());
  EXPECT_EQ(Client(server->address()).Get("1"), "v");
  AwaitRevision(1);
}

// What is at home is looked at now and then, by a clock that does not jump.
TEST_F(WriteBehindTest, SessionsGoBackThoughTheClockHasJumped) {
  const auto clock = FakeClock::Create();
  ASSERT_TRUE(clock.ok()) << clock.status();
  const auto server = Start("near.db", url(), (*clock)->environment());
  ASSERT_NE(server, nullptr);
  (*clock)->Set("+1h");
  std::uint64_t fence = 0;
  const grpc::Status acquired = Client(server->address()).Acquire("pool", &fence, absl::Seconds(2));
  ASSERT_TRUE(acquired.ok()) << acquired.error_message();
  const auto await_gone = [&](const std::string& owner) {
    const absl::Status gone = TestPostgres::AwaitAnswer(
        url(), "SELECT lease_owner || fence FROM authstate.auth_sessions", absl::StrCat(owner, fence));
    EXPECT_TRUE(gone.ok()) << gone;
  };
  await_gone("pool");
  (*clock)->Set("+0");
  const grpc::Status again = Client(server->address()).Acquire("other", &fence, absl::Seconds(2));
  ASSERT_TRUE(again.ok()) << again.error_message();
  await_gone("other");
}

TEST_F(WriteBehindTest, NobodyIsNamedAsAStore) {
  const auto server = Start("");
  ASSERT_NE(server, nullptr);
  std::uint64_t fence = 0;
  EXPECT_EQ(Client(server->address()).Acquire("home:x", &fence).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace authstate::test
