#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/postgres_test.h"
#include "tests/support/test_pgbouncer.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using Json = nlohmann::json;

// A commit of key `pre-key 1` with a count, of a session at the revision that was acknowledged last.
grpc::Status WriteCount(v1::AuthStateService::Stub& stub, const std::string& session_id, std::uint64_t count) {
  grpc::ClientContext context;
  v1::CommitRequest request;
  request.set_session_id(session_id);
  request.set_expected_revision(count - 1);
  v1::KeyEntry* const entry = request.add_sets();
  entry->mutable_key()->set_type("pre-key");
  entry->mutable_key()->set_id("1");
  entry->mutable_value()->set_raw(absl::StrCat(count));
  v1::CommitResponse response;
  grpc::Status status = stub.Commit(&context, request, &response);
  if (status.ok() && response.revision() != count) return {grpc::StatusCode::INTERNAL, "applied twice"};
  return status;
}

std::string ReadCount(v1::AuthStateService::Stub& stub, const std::string& session_id) {
  grpc::ClientContext context;
  v1::GetKeysRequest request;
  request.set_session_id(session_id);
  v1::KeySelection* const keys = request.add_keys();
  keys->set_type("pre-key");
  keys->add_ids("1");
  v1::GetKeysResponse response;
  const grpc::Status status = stub.GetKeys(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.found_size() == 1 ? response.found(0).value().raw() : "";
}

class BackendSwitchTest : public test::PostgresTest {
 protected:
  void Serve(const std::string& timeweb, const std::string& supabase) {
    auto server =
        TestServer::Create({{"--backend", "timeweb", "--timeweb-url", timeweb, "--supabase-url", supabase}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }
  static std::string NewDatabase() {
    auto url = postgres().NewDatabase();
    EXPECT_TRUE(url.ok()) << url.status();
    return absl::StrCat(url.value_or(""), "?sslmode=disable");
  }
  CliResult Cli(std::vector<std::string> words) {
    words.emplace_back("--json");
    return CliRunner(server_->address()).Run(std::move(words));
  }
  Json Status(const std::string& name) {
    const CliResult result = Cli({"backend", "status"});
    EXPECT_EQ(result.code, 0) << result.err;
    const Json shown = result.OutJson();
    for (const Json& backend : shown.at("backends")) {
      if (backend.at("name") == name) return backend;
    }
    return {};
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

TEST_F(BackendSwitchTest, AnIdleDatabaseIsAskedNothingAtAll) {
  const std::string database = NewDatabase();
  Serve(database, database);
  ASSERT_TRUE(WriteCount(*stub_, "s", 1).ok());
  Json idle = Status("supabase");
  EXPECT_EQ(idle.at("statements"), 0);
  EXPECT_EQ(idle.at("connections"), 0);
  EXPECT_EQ(idle.at("serving"), false);
  EXPECT_GT(Status("timeweb").at("statements_last_minute"), 0);
  EXPECT_GT(Status("timeweb").at("connections"), 0);

  const CliResult probed = Cli({"backend", "status", "--probe"});
  ASSERT_EQ(probed.code, 0) << probed.err;
  EXPECT_EQ(probed.OutJson().at("backends").at(1).at("probe").at("usable"), true);
  EXPECT_GT(Status("supabase").at("statements"), 0) << "a probe is counted";
}

TEST_F(BackendSwitchTest, ThereAndBackUnderLoadEveryAcknowledgedCommitIsFound) {
  const std::string database = NewDatabase();
  auto pooler = TestPgBouncer::Create({TestPgBouncer::Mode::kTransaction, postgres().port()});
  ASSERT_TRUE(pooler.ok()) << pooler.status();
  Serve(database, (*pooler)->Through(database));

  constexpr int kClients = 4;
  std::atomic<bool> stop = false;
  std::vector<std::uint64_t> acknowledged(kClients, 0);
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      std::uint64_t& count = acknowledged[static_cast<std::size_t>(i)];
      while (!stop) {
        const grpc::Status status = WriteCount(*stub_, absl::StrCat("s", i), count + 1);
        EXPECT_TRUE(status.ok()) << status.error_message();
        if (!status.ok()) return;
        ++count;
      }
    });
  }
  for (const char* const target : {"supabase", "timeweb", "supabase", "timeweb"}) {
    const CliResult result = Cli({"backend", "switch", target, "--yes", "--max-pause", "30s"});
    EXPECT_EQ(result.code, 0) << result.err << result.out;
    if (result.code != 0) break;
    const Json report = result.OutJson();
    std::printf("switch to %s: calls were held for %.1f ms\n", target, report.at("pause_ms").get<double>());
    EXPECT_EQ(Status(target).at("serving"), true);
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  for (int i = 0; i < kClients; ++i) {
    EXPECT_GT(acknowledged[static_cast<std::size_t>(i)], 0);
    EXPECT_EQ(ReadCount(*stub_, absl::StrCat("s", i)), absl::StrCat(acknowledged[static_cast<std::size_t>(i)]));
  }
}

TEST_F(BackendSwitchTest, DifferingDataIsRefusedAndNamedAndCanBeForced) {
  Serve(NewDatabase(), NewDatabase());
  ASSERT_TRUE(WriteCount(*stub_, "only-here", 1).ok());
  const CliResult refused = Cli({"backend", "switch", "supabase", "--yes"});
  EXPECT_EQ(refused.code, 4);
  const Json report = refused.OutJson();
  EXPECT_EQ(report.at("switched"), false);
  EXPECT_EQ(report.at("differences").at(0).at("session_id"), "only-here");
  EXPECT_EQ(report.at("differences").at(0).at("what"), "is missing on the target");
  EXPECT_EQ(ReadCount(*stub_, "only-here"), "1");

  const CliResult forced = Cli({"backend", "switch", "supabase", "--yes", "--force"});
  EXPECT_EQ(forced.code, 0) << forced.err;
  EXPECT_EQ(Status("supabase").at("serving"), true);
  EXPECT_EQ(ReadCount(*stub_, "only-here"), "");
}

TEST_F(BackendSwitchTest, UnknownTargetsAreNotFound) {
  Serve(NewDatabase(), NewDatabase());
  EXPECT_EQ(Cli({"backend", "switch", "elsewhere", "--yes"}).code, 3);
  EXPECT_EQ(Cli({"backend", "switch", "timeweb", "--yes"}).code, 4);
  EXPECT_EQ(Cli({"backend", "switch", "supabase", "--yes", "--max-pause", "2h"}).code, 2);
}

}  // namespace
}  // namespace authstate::test
