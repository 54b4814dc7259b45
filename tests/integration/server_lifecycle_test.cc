// authstated as a process: its ready line, its errors and exit codes, its clean stop.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/free_port.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"
#include "tests/unit/server/fake_service_manager.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Runs authstated to its end and expects it to fail with `code` and one line on standard error that has `part`.
void ExpectFailure(std::vector<std::string> arguments, int code, const std::string& part) {
  // What went well before, as the making of a store, is in the log.
  arguments.insert(arguments.begin(), {test::ProgramPath("authstated"), "--log-level", "error"});
  auto process = Subprocess::Start({arguments, {}});
  ASSERT_TRUE(process.ok()) << process.status();
  const auto exit = (*process)->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, code);
  EXPECT_EQ((*process)->output(Subprocess::Stream::kStdout), "");
  const std::string error = (*process)->output(Subprocess::Stream::kStderr);
  EXPECT_THAT(error, StartsWith("authstated: "));
  EXPECT_THAT(error, HasSubstr(part));
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
}

class ServerLifecycleTest : public testing::Test {
 protected:
  // In place of the one before, which ends first.
  void Start(std::vector<std::string> arguments) {
    server_.reset();
    auto server = test::TestServer::Create({std::move(arguments), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::vector<std::string> OnSqlite(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--sqlite-path", directory_.File("authstate.db")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // Another program at work on a file of the folder.
  void Sqlite(const std::string& file, const std::string& sql) {
    auto other = Subprocess::Start({{"sqlite3", directory_.File(file), sql}, {}});
    ASSERT_TRUE(other.ok()) << other.status();
    const auto exit = (*other)->Wait(kPatience);
    ASSERT_TRUE(exit.ok() && exit->code == 0) << (*other)->output(Subprocess::Stream::kStderr);
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
};
using LifecycleOnPostgresTest = test::OnPostgres<ServerLifecycleTest>;

TEST_F(ServerLifecycleTest, SaysInOneLineThatItIsReady) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  EXPECT_THAT(server_->ready_line(), MatchesRegex("authstated ready on 127\\.0\\.0\\.1:[0-9]+, backend sqlite .*db"));
}

TEST_F(ServerLifecycleTest, SigtermAndSigintEndItCleanly) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
    server_->process().Signal(signal);
    const auto exit = server_->process().Wait(kPatience);
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->code, 0);
  }
}

TEST_F(ServerLifecycleTest, TellsTheServiceManagerHowItIs) {
  const test::FakeServiceManager manager(directory_.File("notify"));
  auto server = test::TestServer::Create(
      {OnSqlite(), {absl::StrCat("NOTIFY_SOCKET=", directory_.File("notify")), "WATCHDOG_USEC=100000"}});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(manager.Next(), absl::StrCat("READY=1\nSTATUS=serving on ", (*server)->address()));
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  ASSERT_TRUE((*server)->Terminate().ok());
  std::string last = manager.Next();
  while (last == "WATCHDOG=1") last = manager.Next();
  EXPECT_EQ(last, "STOPPING=1\nSTATUS=stopping");
}

TEST_F(ServerLifecycleTest, AStopFoldsTheLogIntoTheFile) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  ASSERT_TRUE(server_->Terminate().ok());
  EXPECT_NE(access(directory_.File("authstate.db").c_str(), F_OK), -1);
  EXPECT_EQ(access(directory_.File("authstate.db-wal").c_str(), F_OK), -1);
}

TEST_F(ServerLifecycleTest, TheFileIsForItsOwnerAlone) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  for (const char* name : {"authstate.db", "authstate.db-wal", "authstate.db-shm"}) {
    struct stat status {};
    ASSERT_EQ(stat(directory_.File(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(ServerLifecycleTest, AFileThatOthersCanReadIsSaidWithItsMode) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  EXPECT_THAT(server_->process().output(Subprocess::Stream::kStderr), Not(HasSubstr("chmod")));
  ASSERT_TRUE(server_->Terminate().ok());
  const std::string database = directory_.File("authstate.db");
  ASSERT_EQ(chmod(database.c_str(), 0640), 0);
  const std::string config = directory_.File("authstated.toml");
  std::ofstream(config) << "postgres-password = \"s3cret\"\n";
  ASSERT_EQ(chmod(config.c_str(), 0644), 0);
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite({"--config", config})));
  // SQLite gives the files beside it the mode of the database.
  for (const char* suffix : {"", "-wal", "-shm"}) {
    EXPECT_THAT(server_->process().output(Subprocess::Stream::kStderr),
                HasSubstr(absl::StrCat(database, suffix,
                                       " has mode 0640, so that other accounts of this "
                                       "machine can read it: chmod 600 ",
                                       database, suffix)));
  }
  EXPECT_THAT(server_->process().output(Subprocess::Stream::kStderr),
              AllOf(HasSubstr(absl::StrCat(config, " has mode 0644")), Not(HasSubstr("s3cret"))));
}

// Whether the server at `address`, as clients write it, answers a health check.
bool Serves(const std::string& address) {
  const auto stub = grpc::health::v1::Health::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  grpc::health::v1::HealthCheckResponse response;
  return stub->Check(&context, {}, &response).ok();
}

// Many a container has none.
bool HasIpv6() { return std::ifstream("/proc/net/if_inet6").peek() != std::ifstream::traits_type::eof(); }

TEST_F(ServerLifecycleTest, ServesOnEveryKindOfAddress) {
  const std::string path = absl::StrCat("unix:", directory_.File("authstate.sock"));
  for (const std::string& listen : {std::string("0.0.0.0:0"), std::string("localhost:0"), path}) {
    ASSERT_NO_FATAL_FAILURE(Start(OnSqlite({"--listen", listen, "--allow-insecure"})));
    EXPECT_TRUE(Serves(server_->address())) << listen;
    const std::string port = server_->address().substr(server_->address().rfind(':'));
    if (listen != path) {
      EXPECT_TRUE(Serves(absl::StrCat("127.0.0.1", port))) << listen;
    }
    if (listen == "0.0.0.0:0" && HasIpv6()) {
      EXPECT_TRUE(Serves(absl::StrCat("[::1]", port)));
    }
  }
}

TEST_F(ServerLifecycleTest, AUnixSocketThatWasLeftBehindIsReplacedAndOneInUseIsNot) {
  const std::string path = directory_.File("authstate.sock");
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite({"--listen", absl::StrCat("unix:", path)})));
  ExpectFailure({"--sqlite-path", directory_.File("other.db"), "--listen", absl::StrCat("unix:", path)}, 3,
                absl::StrCat("--listen unix:", path, ": Address already in use"));
  ASSERT_TRUE(server_->Kill().ok());
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_TRUE(Serves(server_->address()));
  ASSERT_TRUE(server_->Terminate().ok());
  EXPECT_EQ(access(path.c_str(), F_OK), -1);
}

TEST_F(ServerLifecycleTest, ATakenPortIsOneLineAndItsCode) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  ExpectFailure({"--sqlite-path", directory_.File("second.db"), "--listen", server_->address()}, 3,
                absl::StrCat("--listen ", server_->address(), ": Address already in use"));
}

TEST_F(ServerLifecycleTest, AnAddressThatIsNoneIsOneLineAndItsCode) {
  ExpectFailure({"--sqlite-path", directory_.File("a.db"), "--listen", "192.0.2.1:50051", "--allow-insecure"}, 3,
                "--listen 192.0.2.1:50051");
  ExpectFailure({"--sqlite-path", directory_.File("b.db"), "--listen", "nonsense"}, 3, "--listen nonsense");
}

TEST_F(ServerLifecycleTest, AFileThatCannotBeWrittenIsOneLineAndItsCode) {
  ExpectFailure({"--sqlite-path", directory_.File("no/such/folder.db")}, 4, "cannot be opened for writing");
  ExpectFailure({"--sqlite-path", directory_.path()}, 4, "is a folder");
  const std::string text = directory_.File("text.db");
  std::ofstream(text) << "this is a text that somebody keeps, and not a database at all";
  ExpectFailure({"--sqlite-path", text}, 4, text);
}

TEST_F(ServerLifecycleTest, ASecondServerOnTheSameFileIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  ExpectFailure(OnSqlite({"--listen", "127.0.0.1:0"}), 4, "another process serves this file");
}

TEST_F(ServerLifecycleTest, ASchemaThatIsNotKnownIsOneLineAndItsCode) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  ASSERT_TRUE(server_->Terminate().ok());
  ASSERT_NO_FATAL_FAILURE(Sqlite("authstate.db",
                                 "INSERT INTO auth_schema_migrations (version, name, checksum, serves_from) "
                                 "SELECT max(version) + 1, 'x', 'y', max(version) + 1 FROM auth_schema_migrations"));
  ExpectFailure(OnSqlite({"--listen", "127.0.0.1:0"}), 6, "run a newer version of authstated");
  // The operator's word does not change that.
  ExpectFailure(OnSqlite({"--listen", "127.0.0.1:0", "--migrate"}), 6, "run a newer version of authstated");
}

TEST_F(ServerLifecycleTest, AFileOfAnotherProgramIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Sqlite("other.db", "CREATE TABLE theirs (x)"));
  ExpectFailure({"--sqlite-path", directory_.File("other.db"), "--listen", "127.0.0.1:0"}, 6, "something else");
}

TEST_F(ServerLifecycleTest, ADatabaseThatDoesNotAnswerIsOneLineAndItsCode) {
  const auto port = test::FreePort();
  ASSERT_TRUE(port.ok());
  ExpectFailure({"--backend", "postgres", "--listen", "127.0.0.1:0", "--postgres-url",
                 absl::StrCat("postgresql://u:s3cret@127.0.0.1:", *port, "/d")},
                5, "127.0.0.1");
}

TEST_F(ServerLifecycleTest, ABadOptionIsOneLineAndItsCode) {
  ExpectFailure({"--no-such-option"}, 2, "--no-such-option");
  ExpectFailure({"--backend", "oracle"}, 2, "--backend");
}

TEST_F(LifecycleOnPostgresTest, ThePasswordIsNotInTheProcessList) {
  const std::string url = absl::StrCat("postgresql://postgres:s3cret@127.0.0.1:", postgres().port(), "/postgres");
  ASSERT_NO_FATAL_FAILURE(Start({"--backend", "postgres", "--postgres-url", url}));
  std::ifstream file(absl::StrCat("/proc/", server_->process().pid(), "/cmdline"));
  std::stringstream command_line;
  command_line << file.rdbuf();
  EXPECT_THAT(command_line.str(), HasSubstr("--postgres-url"));
  EXPECT_THAT(command_line.str(), Not(HasSubstr("s3cret")));
  EXPECT_THAT(server_->ready_line(), Not(HasSubstr("s3cret")));
  EXPECT_THAT(server_->process().output(Subprocess::Stream::kStderr), Not(HasSubstr("s3cret")));
}

TEST_F(ServerLifecycleTest, TheLogIsOneJsonObjectALine) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite({"--log-level", "debug"})));
  auto stub =
      v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.AddMetadata("x-request-id", "my-request.1");
  context.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  v1::SetCredsRequest request;
  request.set_session_id("s1");
  request.mutable_creds()->set_json(R"({"secret":"tops3cret"})");
  v1::SetCredsResponse response;
  ASSERT_TRUE(stub->SetCreds(&context, request, &response).ok());
  EXPECT_EQ(context.GetServerInitialMetadata().count("x-request-id"), 1U);
  ASSERT_TRUE(server_->Terminate().ok());

  bool found = false;
  const std::string log = server_->process().output(Subprocess::Stream::kStderr);
  EXPECT_THAT(log, Not(HasSubstr("tops3cret")));
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(entry.is_object()) << line;
    for (const char* field : {"time", "level", "message"}) EXPECT_TRUE(entry.contains(field)) << line;
    if (entry.value("request_id", "") != "my-request.1") continue;
    found = true;
    EXPECT_EQ(entry["method"], "SetCreds");
    EXPECT_EQ(entry["code"], "OK");
    EXPECT_EQ(entry["session_id"], "s1");
    EXPECT_EQ(entry["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  }
  EXPECT_TRUE(found) << log;
}

// What the health service streams for the store's service, in order, until `last` has been seen `times` times.
class HealthWatch {
 public:
  explicit HealthWatch(const std::string& address)
      : stub_(grpc::health::v1::Health::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service("authstate.v1.AuthStateService");
    stream_ = stub_->Watch(&context_, request);
  }
  ~HealthWatch() { context_.TryCancel(); }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // The next state; UNKNOWN when the stream ended.
  grpc::health::v1::HealthCheckResponse::ServingStatus Next() {
    grpc::health::v1::HealthCheckResponse response;
    return stream_->Read(&response) ? response.status() : grpc::health::v1::HealthCheckResponse::UNKNOWN;
  }

  // How the stream ended.
  grpc::Status Finish() {
    while (Next() != grpc::health::v1::HealthCheckResponse::UNKNOWN) continue;
    return stream_->Finish();
  }

 private:
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<grpc::health::v1::HealthCheckResponse>> stream_;
};

TEST_F(ServerLifecycleTest, HealthSaysNotServingBeforeTheStop) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  HealthWatch watch(server_->address());
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::SERVING);
  server_->process().Signal(SIGTERM);
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
}

TEST_F(LifecycleOnPostgresTest, HealthFollowsTheDatabaseBothWays) {
  ASSERT_NO_FATAL_FAILURE(Start({"--backend", "postgres", "--postgres-url", url(), "--health-interval-ms", "50"}));
  HealthWatch watch(server_->address());
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::SERVING);
  ASSERT_TRUE(postgres().Stop().ok());
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  ASSERT_TRUE(postgres().Start().ok());
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(ServerLifecycleTest, AStopFinishesTheCallUnderWayAndRefusesNewOnes) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite()));
  const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  auto stub = v1::AuthStateService::NewStub(channel);
  v1::CommitRequest commit;
  commit.set_session_id("large");
  constexpr int kKeys = 64;
  for (int i = 0; i < kKeys; ++i) {
    v1::KeyEntry* const entry = commit.add_sets();
    entry->mutable_key()->set_type("session");
    entry->mutable_key()->set_id(absl::StrCat(i));
    entry->mutable_value()->set_raw(std::string(100'000, 'x'));
  }
  grpc::ClientContext commit_context;
  v1::CommitResponse committed;
  ASSERT_TRUE(stub->Commit(&commit_context, commit, &committed).ok());

  // More than flow control lets the server send ahead, so the stream is under way until it is read on.
  v1::LoadSessionRequest load;
  load.set_session_id("large");
  load.set_page_bytes(1);
  grpc::ClientContext load_context;
  auto stream = stub->LoadSession(&load_context, load);
  v1::LoadSessionResponse page;
  ASSERT_TRUE(stream->Read(&page));
  HealthWatch watch(server_->address());
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::SERVING);
  server_->process().Signal(SIGTERM);
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  // Health tells first; a call that comes in between is still served.
  grpc::Status late;
  do {
    grpc::ClientContext late_context;
    late = stub->Commit(&late_context, commit, &committed);
  } while (late.ok());
  EXPECT_EQ(late.error_code(), grpc::StatusCode::UNAVAILABLE) << late.error_message();

  int keys = page.keys_size();
  while (stream->Read(&page)) keys += page.keys_size();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(keys, kKeys);
  const auto exit = server_->process().Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);
}

TEST_F(ServerLifecycleTest, AStreamAtTheTimeOfTheStopDoesNotHoldItBeyondTheDrainTimeout) {
  ASSERT_NO_FATAL_FAILURE(Start(OnSqlite({"--drain-timeout-ms", "100"})));
  HealthWatch watch(server_->address());  // a call that never ends by itself
  EXPECT_EQ(watch.Next(), grpc::health::v1::HealthCheckResponse::SERVING);
  const auto exit = server_->Terminate();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace authstate
