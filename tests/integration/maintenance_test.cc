// Maintenance at real servers on a real PostgreSQL, whose own count of transactions tells whether anything writes.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/locked_rows.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/http/http_exchange.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// For how long nothing is to be written: some renewals, and reads without number.
constexpr absl::Duration kAWhile = absl::Seconds(2);

struct Refusal {
  std::string reason;
  std::string outcome;
  absl::Duration retry_delay;
};

Refusal RefusalOf(const google::rpc::Status& status) {
  Refusal refusal;
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      refusal.reason = info.reason();
      const auto outcome = info.metadata().find("outcome");
      if (outcome != info.metadata().end()) refusal.outcome = outcome->second;
    } else if (detail.UnpackTo(&retry)) {
      refusal.retry_delay =
          absl::Seconds(retry.retry_delay().seconds()) + absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return refusal;
}

Refusal RefusalOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return RefusalOf(details);
}

void ExpectMaintenance(const Refusal& refusal) {
  EXPECT_EQ(refusal.reason, "MAINTENANCE");
  EXPECT_EQ(refusal.outcome, "NOT_APPLIED");
  EXPECT_GT(refusal.retry_delay, absl::ZeroDuration());
}

class Client {
 public:
  explicit Client(const std::string& address)
      : stub_(v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  grpc::Status SetCreds(const std::string& session_id, std::uint64_t expected_revision, std::uint64_t fence = 0) {
    grpc::ClientContext context;
    Prepare(context);
    v1::SetCredsRequest request;
    request.set_session_id(session_id);
    request.mutable_creds()->set_json(absl::StrCat("{\"revision\":", expected_revision, "}"));
    request.set_expected_revision(expected_revision);
    request.set_fence(fence);
    v1::SetCredsResponse response;
    return stub_->SetCreds(&context, request, &response);
  }
  // 0: there is no such session.
  std::uint64_t Revision(const std::string& session_id) {
    grpc::ClientContext context;
    Prepare(context);
    v1::GetCredsRequest request;
    request.set_session_id(session_id);
    v1::GetCredsResponse response;
    const grpc::Status status = stub_->GetCreds(&context, request, &response);
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::NOT_FOUND) << status.error_message();
    return response.revision();
  }
  grpc::Status Acquire(const std::string& session_id, const std::string& owner, absl::Duration ttl, v1::Lease* lease) {
    grpc::ClientContext context;
    Prepare(context);
    v1::AcquireLeaseRequest request;
    request.set_session_id(session_id);
    request.set_owner(owner);
    request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(ttl));
    v1::AcquireLeaseResponse response;
    const grpc::Status status = stub_->AcquireLease(&context, request, &response);
    *lease = response.lease();
    return status;
  }
  grpc::Status Renew(const std::string& session_id, std::uint64_t fence, absl::Duration ttl, v1::Lease* lease) {
    grpc::ClientContext context;
    Prepare(context);
    v1::RenewLeaseRequest request;
    request.set_session_id(session_id);
    request.set_fence(fence);
    request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(ttl));
    v1::RenewLeaseResponse response;
    const grpc::Status status = stub_->RenewLease(&context, request, &response);
    *lease = response.lease();
    return status;
  }

 private:
  static void Prepare(grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    context.set_wait_for_ready(true);
  }

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

class MaintenanceTest : public PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    // It would be counted too.
    Sql("ALTER SYSTEM SET autovacuum = off");
    Sql("SELECT pg_reload_conf()");
  }

  static std::unique_ptr<TestServer> Start(std::vector<std::string> arguments) {
    auto server = TestServer::Create({std::move(arguments), {}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  std::unique_ptr<TestServer> Start() { return Start({"--backend", "postgres", "--postgres-url", url()}); }

  // What is then told, as JSON; null: there is none.
  static Json Maintenance(const TestServer& server, std::vector<std::string> words) {
    words.insert(words.begin(), {"--json", "maintenance"});
    const CliResult result = CliRunner(server.address()).Run(std::move(words));
    EXPECT_EQ(result.code, kOk) << result.err;
    return result.code == kOk ? result.OutJson().at("maintenance") : Json();
  }

  // How many transactions have written to anything in the whole cluster, by its own count; to ask does not count.
  std::string Written() const { return Query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"); }
  // Who has begun to.
  std::string Writers() const {
    return Query("SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()");
  }
};

// Writes a session through a server, each revision once, and waits where it is told to.
class Writer {
 public:
  Writer(const std::string& address, std::string session_id)
      : client_(address), session_id_(std::move(session_id)), thread_([this] { Run(); }) {}
  ~Writer() { Stop(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t acknowledged() const { return acknowledged_; }
  int refused() const { return refused_; }
  void AwaitAcknowledged(std::uint64_t count) const {
    while (acknowledged_ < count && !failed_) absl::SleepFor(absl::Milliseconds(1));
  }

 private:
  void Run() {
    while (!stop_ && !failed_) {
      const grpc::Status status = client_.SetCreds(session_id_, acknowledged_);
      if (status.ok()) {
        ++acknowledged_;
        continue;
      }
      const Refusal refusal = RefusalOf(status);
      failed_ = refusal.reason != "MAINTENANCE";
      EXPECT_FALSE(failed_) << status.error_message();
      ++refused_;
      absl::SleepFor(absl::Milliseconds(10));
    }
  }

  Client client_;
  const std::string session_id_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::atomic<int> refused_ = 0;
  std::thread thread_;
};

// As an operator goes about it: on, a backup that is compared with what is there, a look at a test session, off.
TEST_F(MaintenanceTest, NoServerOfTheDatabaseWritesWhileReadsGoOnAndEveryWriteIsThenDoneOnce) {
  TempDir folder;
  const std::string keyring = folder.File("backup.keyring");
  ASSERT_EQ(CliRunner("").Run({"keyring", "init", keyring, "backups"}).code, kOk);
  const auto first = Start();
  const auto second = Start();
  Writer held(first->address(), "held");
  Writer also_held(second->address(), "also-held");
  held.AwaitAcknowledged(10);
  also_held.AwaitAcknowledged(10);

  const Json begun = Maintenance(*first, {"on", "--reason", "backup", "--hold", "300ms"});
  EXPECT_EQ(begun.at("reason"), "backup");
  EXPECT_EQ(begun.at("settle_seconds"), 0.0);
  EXPECT_EQ(begun.at("writes_under_way"), 0);
  const std::string written = Written();
  EXPECT_EQ(Writers(), "0");
  Client reader(second->address());
  const std::uint64_t revision = reader.Revision("also-held");
  int reads = 0;
  for (const absl::Time end = absl::Now() + kAWhile; absl::Now() < end; ++reads) {
    EXPECT_EQ(reader.Revision("also-held"), revision);
  }
  EXPECT_GT(reads, 0);
  const auto backup = [&](const char* what, const std::string& option) {
    const CliResult result =
        CliRunner(first->address())
            .Run({"--json", "backup", what, folder.File("backups"), "--keyring-file", keyring, option});
    EXPECT_EQ(result.code, kOk) << result.err;
    return result.OutJson();
  };
  EXPECT_EQ(backup("create", "--full").at("sessions"), 2);
  EXPECT_EQ(backup("verify", "--live").at("equal"), 2) << "nothing has moved on since it was saved";
  EXPECT_EQ(Writers(), "0");
  EXPECT_EQ(Written(), written) << "something was written meanwhile";
  EXPECT_GT(held.refused(), 0);
  EXPECT_GT(also_held.refused(), 0);

  // The other server follows what is asked of the first.
  EXPECT_EQ(Maintenance(*second, {"status"}).at("reason"), "backup");
  ExpectMaintenance(RefusalOf(reader.SetCreds("test-1", 0)));
  EXPECT_EQ(Written(), written);
  (void)Maintenance(*first, {"on", "--reason", "backup", "--hold", "300ms", "--allow", "test-"});
  const std::string allowed = Written();
  EXPECT_TRUE(reader.SetCreds("test-1", 0).ok());
  EXPECT_NE(Written(), allowed);

  const std::uint64_t before = held.acknowledged();
  const std::uint64_t also_before = also_held.acknowledged();
  EXPECT_EQ(Maintenance(*second, {"off"}), Json());
  held.AwaitAcknowledged(before + 10);
  also_held.AwaitAcknowledged(also_before + 10);
  held.Stop();
  also_held.Stop();
  EXPECT_EQ(reader.Revision("held"), held.acknowledged());
  EXPECT_EQ(reader.Revision("also-held"), also_held.acknowledged());
}

TEST_F(MaintenanceTest, WhatIsHeldAndRefusedIsToldToWhoeverLooks) {
  namespace send = test::pipe;
  const auto server = Start({"--backend", "postgres", "--postgres-url", url(), "--http-listen", "127.0.0.1:0"});
  const auto line =
      server->process().WaitForLine("metrics and health over HTTP", absl::Seconds(60), Subprocess::Stream::kStderr);
  ASSERT_TRUE(line.ok()) << line.status();
  const std::string http = Json::parse(*line).at("address");
  const auto told = [&http] { return Json::parse(HttpGet(http, "/status.json").body); };
  const auto metrics = [&http] { return HttpGet(http, "/metrics").body; };
  const auto top = [&] { return CliRunner(server->address()).Run({"top", "--once", "--url", "http://" + http}).out; };
  EXPECT_EQ(told().at("maintenance"), Json());
  EXPECT_THAT(top(), HasSubstr("  maintenance      none\n"));

  PipeCaller pipe(server->address());
  ASSERT_EQ(pipe.Call(send::Message({send::Attach(1, 1, "s")})).size(), 1U);
  (void)Maintenance(*server, {"on", "--reason", "new disk", "--hold", "1h"});
  const std::vector<v1::PipeResult> refused = pipe.Call(send::Message({send::Commit(1, 2, 1, "v")}));
  ASSERT_EQ(refused.size(), 1U);
  ExpectMaintenance(RefusalOf(refused.front().error()));
  std::thread held([&] { EXPECT_TRUE(Client(server->address()).SetCreds("held", 0).ok()); });
  while (Maintenance(*server, {"status"}).at("held_writes") == 0) continue;
  const Json maintenance = told().at("maintenance");
  EXPECT_EQ(maintenance.at("reason"), "new disk");
  EXPECT_EQ(maintenance.at("held"), 1);
  EXPECT_EQ(maintenance.at("refused"), 1);
  EXPECT_THAT(std::string(maintenance.at("since")), testing::EndsWith("+00:00"));
  EXPECT_THAT(metrics(),
              AllOf(HasSubstr("\nauthstate_maintenance 1\n"), HasSubstr("\nauthstate_maintenance_held_calls 1\n"),
                    HasSubstr("\nauthstate_maintenance_refused_total 1\n")));
  EXPECT_THAT(top(), AllOf(ContainsRegex("! maintenance      since [0-9]+ s ago: new disk\n"),
                           HasSubstr("  held calls       1\n"), HasSubstr("  refused calls    1\n")));

  (void)Maintenance(*server, {"off"});
  held.join();
  EXPECT_EQ(told().at("maintenance"), Json());
  EXPECT_THAT(metrics(),
              AllOf(HasSubstr("\nauthstate_maintenance 0\n"), HasSubstr("\nauthstate_maintenance_held_calls 0\n"),
                    HasSubstr("\nauthstate_maintenance_refused_total 1\n")));
  EXPECT_THAT(top(), AllOf(HasSubstr("  maintenance      none\n"), Not(HasSubstr("held calls"))));
  // The refusal is none of the failures that somebody has to look at.
  EXPECT_EQ(told().at("calls").at("ended").at("UNAVAILABLE"), 1);
  const auto sum = [](const Json& steps) {
    const std::vector<int> numbers = steps;
    return std::accumulate(numbers.begin(), numbers.end(), 0);
  };
  Json history = told().at("history");
  while (sum(history.at("requests")) < 4) history = told().at("history");
  EXPECT_EQ(sum(history.at("failures")), 0);
}

TEST_F(MaintenanceTest, ALeaseStaysItsOwnersThroughALongerTimeThanItsOwnWithoutAWrite) {
  constexpr absl::Duration kTtl = absl::Seconds(5);
  const auto server = Start();
  Client client(server->address());
  v1::Lease lease;
  ASSERT_TRUE(client.Acquire("s", "me", kTtl, &lease).ok());
  const std::uint64_t fence = lease.fence();
  (void)Maintenance(*server, {"on", "--reason", "backup", "--hold", "0s"});
  const std::string written = Written();
  for (bool ended = false; !ended; absl::SleepFor(absl::Milliseconds(100))) {
    ended = Query("SELECT lease_expires_at < now() FROM authstate.auth_sessions WHERE session_id = 's'") == "t";
    const grpc::Status renewed = client.Renew("s", fence, kTtl, &lease);
    ASSERT_TRUE(renewed.ok()) << renewed.error_message();
    EXPECT_EQ(lease.fence(), fence);
    EXPECT_GT(lease.remaining().seconds(), 0);
    // As a pool does that comes back to a server.
    ASSERT_TRUE(client.Acquire("s", "me", kTtl, &lease).ok());
    EXPECT_EQ(lease.fence(), fence);
    v1::Lease none;
    ExpectMaintenance(RefusalOf(client.Acquire("s", "thief", kTtl, &none)));
  }
  EXPECT_EQ(Written(), written);
  (void)Maintenance(*server, {"off"});
  const grpc::Status taken = client.Acquire("s", "thief", kTtl, &lease);
  EXPECT_EQ(RefusalOf(taken).reason, "LEASE_HELD") << taken.error_message();
  EXPECT_TRUE(client.Renew("s", fence, kTtl, &lease).ok());
  EXPECT_TRUE(client.SetCreds("s", 0, fence).ok());
}

TEST_F(MaintenanceTest, OutlivesAServerThatStopsWithoutWaitingForWhatItHolds) {
  const auto server = Start();
  Client client(server->address());
  ASSERT_TRUE(client.SetCreds("s", 0).ok());
  (void)Maintenance(*server, {"on", "--reason", "new disk", "--hold", "1h"});
  std::thread held([&] { ExpectMaintenance(RefusalOf(client.SetCreds("s", 1))); });
  while (Maintenance(*server, {"status"}).at("held_writes") == 0) continue;
  const auto ended = server->Terminate();
  held.join();
  ASSERT_TRUE(ended.ok()) << ended.status();

  ASSERT_TRUE(server->Restart().ok());
  (void)Maintenance(*server, {"on", "--reason", "newer disk", "--hold", "0s"});
  const grpc::Status refused = client.SetCreds("s", 1);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("newer disk"));
  ExpectMaintenance(RefusalOf(refused));
  EXPECT_EQ(client.Revision("s"), 1);
  const CliResult info = CliRunner(server->address()).Run({"--json", "server", "info"});
  EXPECT_EQ(info.OutJson().at("maintenance").at("reason"), "newer disk") << info.out;
  EXPECT_EQ(info.OutJson().at("serving"), true);
  (void)Maintenance(*server, {"off"});
  EXPECT_TRUE(client.SetCreds("s", 1).ok());
}

TEST_F(MaintenanceTest, AWriteThatIsHeldIsDoneOnceWhenItEnds) {
  const auto server = Start();
  Client client(server->address());
  (void)Maintenance(*server, {"on", "--reason", "backup", "--hold", "1h"});
  grpc::Status held_status;
  std::thread held([&] { held_status = client.SetCreds("s", 0); });
  while (Maintenance(*server, {"status"}).at("held_writes") == 0) continue;
  EXPECT_EQ(client.Revision("s"), 0);
  (void)Maintenance(*server, {"off"});
  held.join();
  EXPECT_TRUE(held_status.ok()) << held_status.error_message();
  EXPECT_EQ(client.Revision("s"), 1);
}

// Calls that set the creds of a session each, of 10 kB, all at once.
class ManyWrites {
 public:
  ManyWrites(const std::string& address, int writes) : calls_(static_cast<std::size_t>(writes)), left_(writes) {
    // So many calls as one connection has open.
    constexpr std::size_t kOfOne = 500;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (i % kOfOne == 0) {
        grpc::ChannelArguments own_connection;
        own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        stubs_.push_back(v1::AuthStateService::NewStub(
            grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own_connection)));
      }
      Call& call = calls_[i];
      call.context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(5)));
      call.context.set_wait_for_ready(true);
      call.request.set_session_id(absl::StrCat("held-", i));
      call.request.mutable_creds()->set_json(absl::StrCat("{\"value\":\"", std::string(10'000, 'v'), "\"}"));
      call.request.set_expected_revision(0);
      stubs_.back()->async()->SetCreds(&call.context, &call.request, &call.response,
                                       [this, &call](const grpc::Status& status) {
                                         call.status = status;
                                         left_.DecrementCount();
                                       });
    }
  }

  // Waits until all were answered.
  std::vector<grpc::Status> Await() {
    left_.Wait();
    std::vector<grpc::Status> answers;
    for (const Call& call : calls_) answers.push_back(call.status);
    return answers;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::SetCredsRequest request;
    v1::SetCredsResponse response;
    grpc::Status status;
  };

  std::vector<std::unique_ptr<v1::AuthStateService::Stub>> stubs_;
  std::deque<Call> calls_;
  absl::BlockingCounter left_;
};

// They go as batches of the same queue as all that comes after them. How long that takes, and what others notice, is
// told with the test's result, and in docs/maintenance.md.
TEST_F(MaintenanceTest, AThousandWritesThatAreHeldAreAllDoneOnceWhenItEnds) {
  constexpr int kWrites = 1'000;
  const auto server = Start();
  (void)Maintenance(*server, {"on", "--reason", "backup", "--hold", "1h", "--allow", "test-"});
  ManyWrites held(server->address(), kWrites);
  while (Maintenance(*server, {"status"}).at("held_writes") < kWrites) continue;
  std::atomic<bool> stop = false;
  absl::Duration longest;
  std::thread other([&] {
    Client client(server->address());
    for (std::uint64_t revision = 0; !stop; ++revision) {
      const absl::Time began = absl::Now();
      EXPECT_TRUE(client.SetCreds("test-1", revision).ok());
      longest = std::max(longest, absl::Now() - began);
    }
  });
  const absl::Time ended = absl::Now();
  (void)Maintenance(*server, {"off"});
  for (const grpc::Status& status : held.Await()) EXPECT_TRUE(status.ok()) << status.error_message();
  RecordProperty("ms_until_all_were_done", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - ended)));
  stop = true;
  other.join();
  RecordProperty("ms_of_the_longest_other_write", static_cast<int>(absl::ToInt64Milliseconds(longest)));
  EXPECT_EQ(Query("SELECT count(*) FROM authstate.auth_sessions WHERE session_id LIKE 'held-%' AND revision = 1"),
            absl::StrCat(kWrites));
}

TEST_F(MaintenanceTest, OperationsOfAPipeAreRefusedAtOnceAndRenewalsGoOn) {
  namespace send = test::pipe;
  const auto server = Start();
  PipeCaller pipe(server->address());
  std::vector<v1::PipeResult> results =
      pipe.Call(send::Message({send::Attach(1, 1, "s"), send::Attach(2, 2, "test-1")}));
  ASSERT_EQ(results.size(), 2U);
  (void)Maintenance(*server, {"on", "--reason", "backup", "--hold", "1h", "--allow", "test-"});
  results = pipe.Call(send::Message({send::Commit(1, 3, 1, "v"), send::Renew(1, 4), send::Commit(2, 5, 1, "v")}));
  ASSERT_EQ(results.size(), 3U);
  for (const v1::PipeResult& result : results) {
    if (result.tag() == 3) {
      ExpectMaintenance(RefusalOf(result.error()));
    } else {
      EXPECT_FALSE(result.has_error()) << result.tag() << ": " << result.error().message();
    }
  }
  (void)Maintenance(*server, {"off"});
  results = pipe.Call(send::Message({send::Commit(1, 6, 1, "v")}));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results.front().committed().revision(), 1);
}

TEST_F(MaintenanceTest, AFileOfWriteBehindFlushesNothingUntilItEnds) {
  TempDir folder;
  const auto server = Start({"--backend", "postgres", "--postgres-url", url(), "--write-behind", folder.File("near.db"),
                             "--drain-timeout-ms", "5000"});
  Client client(server->address());
  v1::Lease lease;
  ASSERT_TRUE(client.Acquire("s", "me", absl::Minutes(10), &lease).ok());
  ASSERT_TRUE(client.SetCreds("s", 0, lease.fence()).ok());
  (void)Maintenance(*server, {"on", "--reason", "backup", "--hold", "0s"});
  const std::string written = Written();
  ExpectMaintenance(RefusalOf(client.SetCreds("s", 1, lease.fence())));
  v1::Lease renewed;
  for (const absl::Time end = absl::Now() + kAWhile; absl::Now() < end; absl::SleepFor(absl::Milliseconds(100))) {
    ASSERT_TRUE(client.Renew("s", lease.fence(), absl::Minutes(10), &renewed).ok());
    EXPECT_EQ(client.Revision("s"), 1);
  }
  EXPECT_EQ(Written(), written);
  (void)Maintenance(*server, {"off"});
  EXPECT_TRUE(client.SetCreds("s", 1, lease.fence()).ok());
  const absl::Status flushed =
      TestPostgres::AwaitAnswer(url(), "SELECT revision FROM authstate.auth_sessions WHERE session_id = 's'", "2");
  EXPECT_TRUE(flushed.ok()) << flushed;
}

TEST_F(MaintenanceTest, AFlushThatBeganBeforeIsUnderWay) {
  TempDir folder;
  const auto server = Start({"--backend", "postgres", "--postgres-url", url(), "--write-behind", folder.File("near.db"),
                             "--drain-timeout-ms", "5000"});
  Client client(server->address());
  v1::Lease lease;
  ASSERT_TRUE(client.Acquire("s", "me", absl::Minutes(10), &lease).ok());
  ASSERT_TRUE(client.SetCreds("s", 0, lease.fence()).ok());
  const absl::Status flushed =
      TestPostgres::AwaitAnswer(url(), "SELECT revision FROM authstate.auth_sessions WHERE session_id = 's'", "1");
  ASSERT_TRUE(flushed.ok()) << flushed;
  {
    const OpenPsql other(url(), "SELECT 1 FROM authstate.auth_sessions WHERE session_id = 's' FOR UPDATE");
    ASSERT_TRUE(client.SetCreds("s", 1, lease.fence()).ok());
    const absl::Status waits =
        TestPostgres::AwaitAnswer(url(), "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t");
    EXPECT_TRUE(waits.ok()) << waits;
    const CliResult on = CliRunner(server->address()).Run({"maintenance", "on", "--reason", "backup", "--wait", "0s"});
    // It ends when the lock does, or gives up before: then it is not tried again.
    if (on.code == kOk) {
      EXPECT_EQ(Query("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0");
    } else {
      EXPECT_EQ(on.code, kUnavailable) << on.err;
    }
  }
  (void)Maintenance(*server, {"on", "--reason", "backup"});
  (void)Maintenance(*server, {"off"});
}

TEST_F(MaintenanceTest, GoesAlongWithASwitchToAnotherDatabase) {
  const std::string there = *postgres().NewDatabase();
  const auto server = Start({"--backend", "timeweb", "--timeweb-url", absl::StrCat(url(), "?sslmode=disable"),
                             "--supabase-url", absl::StrCat(there, "?sslmode=disable")});
  Client client(server->address());
  (void)Maintenance(*server, {"on", "--reason", "moving", "--hold", "0s"});
  const CliResult switched = CliRunner(server->address()).Run({"backend", "switch", "supabase", "--yes"});
  ASSERT_EQ(switched.code, kOk) << switched.err;
  const absl::Status begun =
      TestPostgres::AwaitAnswer(there, "SELECT maintenance_reason FROM authstate.auth_grants_version", "moving");
  EXPECT_TRUE(begun.ok()) << begun;
  ExpectMaintenance(RefusalOf(client.SetCreds("s", 0)));
  EXPECT_EQ(Maintenance(*server, {"status"}).at("reason"), "moving");
  (void)Maintenance(*server, {"off"});
  EXPECT_TRUE(client.SetCreds("s", 0).ok());
  EXPECT_EQ(Query("SELECT maintenance_reason FROM authstate.auth_grants_version"), "moving") << "it is left behind";
}

TEST_F(MaintenanceTest, WhileAWriteThatBeganBeforeGoesOnItIsAnErrorToTakeItForSettled) {
  const auto server = Start();
  Client client(server->address());
  ASSERT_TRUE(client.SetCreds("s", 0).ok());
  grpc::Status status;
  std::thread writer;
  {
    const OpenPsql other(url(), "SELECT 1 FROM authstate.auth_sessions WHERE session_id = 's' FOR UPDATE");
    writer = std::thread([&] { status = client.SetCreds("s", 1); });
    const absl::Status waits =
        TestPostgres::AwaitAnswer(url(), "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t");
    EXPECT_TRUE(waits.ok()) << waits;
    const CliResult on = CliRunner(server->address()).Run({"maintenance", "on", "--reason", "backup", "--wait", "0s"});
    EXPECT_EQ(on.code, kUnavailable) << on.out;
    EXPECT_THAT(on.err, HasSubstr("1 write"));
    EXPECT_EQ(Maintenance(*server, {"status"}).at("writes_under_way"), 1);
  }
  writer.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Maintenance(*server, {"on", "--reason", "backup"}).at("writes_under_way"), 0);
  (void)Maintenance(*server, {"off"});
}

TEST_F(MaintenanceTest, WhatCannotBeBegunSaysWhy) {
  const auto server = Start();
  const CliResult empty = CliRunner(server->address()).Run({"maintenance", "on", "--reason", ""});
  EXPECT_THAT(empty.err, HasSubstr("reason: is not 1 to 200 bytes"));
  const CliResult prefix = CliRunner(server->address()).Run({"maintenance", "on", "--reason", "r", "--allow", "a b"});
  EXPECT_THAT(prefix.err, HasSubstr("allowed_prefixes[0]"));
  const CliResult hold = CliRunner(server->address()).Run({"maintenance", "on", "--reason", "r", "--hold", "2h"});
  EXPECT_EQ(hold.code, kUsage);
  const CliResult none = CliRunner(server->address()).Run({"maintenance", "status"});
  EXPECT_THAT(none.out, HasSubstr("there is no maintenance"));
}

}  // namespace
}  // namespace authstate::test
