#ifndef AUTHSTATE_TESTS_INTEGRATION_LOCKED_ROWS_H_
#define AUTHSTATE_TESTS_INTEGRATION_LOCKED_ROWS_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/open_psql.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/test_server.h"

// A server on a PostgreSQL of which another program, psql, holds rows.
namespace authstate::test {

inline constexpr absl::Duration kPatience = absl::Minutes(1);
// Twice as many as the server has connections.
inline constexpr int kLocked = 8;
inline constexpr int kOthers = 4;

inline std::string LockedSession(int i) { return absl::StrCat("locked-", i); }
inline std::string OtherSession(int i) { return absl::StrCat("other-", i); }

struct Tables {
  const char* layout;
  // What somebody may do to the rows of some sessions.
  const char* hold_rows;
  // Likewise, to those that have the leases.
  const char* hold_leases;
  const char* hold_keys;
  // The table that says which sessions there are.
  const char* hold_sessions;
};

inline constexpr Tables kNative = {"native",
                                   "SELECT 1 FROM authstate.auth_sessions WHERE session_id LIKE 'locked-%' FOR UPDATE",
                                   "SELECT 1 FROM authstate.auth_sessions WHERE session_id LIKE 'locked-%' FOR UPDATE",
                                   "LOCK TABLE authstate.auth_keys IN ACCESS EXCLUSIVE MODE",
                                   "LOCK TABLE authstate.auth_sessions IN ACCESS EXCLUSIVE MODE"};
inline constexpr Tables kLegacy = {
    "legacy", "SELECT 1 FROM whatsapp_keys WHERE company_id LIKE 'locked-%' FOR UPDATE",
    "SELECT 1 FROM authstate.legacy_sessions WHERE session_id LIKE 'locked-%' FOR UPDATE",
    "LOCK TABLE whatsapp_keys IN ACCESS EXCLUSIVE MODE", "LOCK TABLE whatsapp_auth IN ACCESS EXCLUSIVE MODE"};

inline void PrintTo(const Tables& tables, std::ostream* os) { *os << tables.layout; }

class LockedRowsTest : public test::PostgresTest, public testing::WithParamInterface<Tables> {
 protected:
  void SetUp() override { Start({}); }

  void Start(std::vector<std::string> more) {
    ASSERT_NO_FATAL_FAILURE(UseNewDatabase());
    if (GetParam().layout == std::string(kLegacy.layout)) {
      const absl::Status made = CreateLegacyTables(url(), LegacyTables::kPlain);
      ASSERT_TRUE(made.ok()) << made;
    }
    std::vector<std::string> options = {"--backend=postgres", "--postgres-url=" + url(),
                                        absl::StrCat("--layout=", GetParam().layout), "--health-interval-ms=50"};
    options.insert(options.end(), more.begin(), more.end());
    server_.reset();
    auto server = TestServer::Create({std::move(options), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::AuthStateService::NewStub(channel_);
    for (int i = 0; i < kLocked; ++i) ASSERT_TRUE(Commit(LockedSession(i)).ok());
    for (int i = 0; i < kOthers; ++i) ASSERT_TRUE(Commit(OtherSession(i)).ok());
  }

  grpc::Status Commit(const std::string& session_id, const std::string& value = "v",
                      absl::Duration deadline = kPatience) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    v1::CommitRequest request;
    request.set_session_id(session_id);
    v1::KeyEntry& entry = *request.add_sets();
    entry.mutable_key()->set_type("t");
    entry.mutable_key()->set_id("1");
    entry.mutable_value()->set_raw(value);
    v1::CommitResponse response;
    return stub_->Commit(&context, request, &response);
  }

  grpc::Status Get(const std::string& session_id, std::string* value) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::GetKeysRequest request;
    request.set_session_id(session_id);
    v1::KeySelection& keys = *request.add_keys();
    keys.set_type("t");
    keys.add_ids("1");
    v1::GetKeysResponse response;
    grpc::Status status = stub_->GetKeys(&context, request, &response);
    if (response.found_size() > 0) *value = response.found(0).value().raw();
    return status;
  }
  std::string Value(const std::string& session_id) {
    std::string value;
    const grpc::Status status = Get(session_id, &value);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return value;
  }

  grpc::Status Acquire(const std::string& session_id) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    v1::AcquireLeaseRequest request;
    request.set_session_id(session_id);
    request.set_owner("me");
    request.mutable_ttl()->set_seconds(60);
    v1::AcquireLeaseResponse response;
    return stub_->AcquireLease(&context, request, &response);
  }

  // Until the driver has met the lock: somebody waits for it.
  void AwaitWaiter() {
    const absl::Status waits =
        TestPostgres::AwaitAnswer(url(),
                                  "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'authstated' "
                                  "AND datname = current_database() AND wait_event_type = 'Lock'",
                                  "t");
    EXPECT_TRUE(waits.ok()) << waits;
  }

  // The server has had a sign of life of the database since this was called, and serves.
  void ExpectHealthy() {
    const auto now = TestPostgres::Query(url(), "SELECT clock_timestamp()");
    ASSERT_TRUE(now.ok()) << now.status();
    const absl::Status alive = TestPostgres::AwaitAnswer(
        url(),
        absl::StrCat("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'authstated' AND "
                     "query LIKE 'SELECT current_setting(%' AND datname = current_database() AND state = 'idle' AND "
                     "query_start > '",
                     *now, "'"),
        "t");
    EXPECT_TRUE(alive.ok()) << alive;
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    const auto health = grpc::health::v1::Health::NewStub(channel_);
    ASSERT_TRUE(health->Check(&context, {}, &response).ok());
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }

  // As many calls for others as would fill all connections several times over.
  void ExpectOthersGoOn() {
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < kOthers; ++i) {
        const grpc::Status status = Commit(OtherSession(i), absl::StrCat("round ", round));
        ASSERT_TRUE(status.ok()) << status.error_message();
        EXPECT_EQ(Value(OtherSession(i)), absl::StrCat("round ", round));
      }
    }
  }

  TestServer& server() { return *server_; }
  const std::string& address() const { return server_->address(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::unique_ptr<TestServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

// Calls on threads of their own.
class Calls {
 public:
  ~Calls() { Join(); }
  template <typename Call>
  void Add(Call call) {
    threads_.emplace_back(std::move(call));
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_LOCKED_ROWS_H_
