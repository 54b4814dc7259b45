// The HTTP port of authstated: what it tells, to whom, and what becomes of a start that would tell too much.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "client/cpp/client.h"
#include "tests/integration/granted_rights.h"
#include "tests/integration/pipe_caller.h"
#include "tests/integration/tls_test.h"
#include "tests/support/http/http_exchange.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/postgres_test.h"

namespace authstate {
namespace {

using test::HttpAnswer;
using test::HttpGet;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace send = test::pipe;

class HttpPortTest : public TlsTest {
 protected:
  std::vector<std::string> OnSqlite(const std::string& http_listen = "127.0.0.1:0") const {
    return {"--sqlite-path", Live("a.db"), "--http-listen", http_listen};
  }
  // Where others could reach it, with TLS on both ports.
  std::vector<std::string> Exposed() {
    std::vector<std::string> arguments = Tls();
    arguments.insert(arguments.end(), {"--http-listen", "0.0.0.0:0"});
    return arguments;
  }

  std::string HttpAddress() {
    const auto line =
        server_->process().WaitForLine("metrics and health over HTTP", kTlsPatience, test::Subprocess::Stream::kStderr);
    EXPECT_TRUE(line.ok()) << line.status();
    return line.ok() ? nlohmann::json::parse(*line).value("address", "") : "";
  }
  std::string Port() {
    const std::string address = HttpAddress();
    return address.substr(address.rfind(':') + 1);
  }
  std::string Scrape() { return HttpGet(HttpAddress(), "/metrics").body; }
  // The value of a series as the scrape has it; empty where it is not there.
  std::string ValueOf(const std::string& series) {
    for (const std::string& line : Lines(Scrape())) {
      if (line.rfind(series + " ", 0) == 0) return line.substr(series.size() + 1);
    }
    return "";
  }
  static std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n'); }

  // Asks until what is answered is as wanted; the last answer.
  HttpAnswer Await(const std::string& path, int status) {
    HttpAnswer answer = HttpGet(HttpAddress(), path);
    for (const absl::Time end = absl::Now() + kTlsPatience; answer.status != status && absl::Now() < end;) {
      absl::SleepFor(absl::Milliseconds(5));
      answer = HttpGet(HttpAddress(), path);
    }
    return answer;
  }

  // Over TLS.
  HttpAnswer Get(const std::string& path, const std::string& fields = "", const std::string& client = "") {
    const Result result = Exchange(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n", fields, "\r\n"), client);
    EXPECT_EQ(result.code, 0) << result.err;
    return test::ParseAnswer(result.out);
  }
  Result Exchange(const std::string& request, const std::string& client = "") {
    std::vector<std::string> argv = {"python3", AUTHSTATE_HTTPS_EXCHANGE, HttpAddress(), Made("ca.pem"), request};
    if (!client.empty()) argv.insert(argv.end(), {Made(client + ".pem"), Made(client + ".key")});
    return RunToEnd(argv);
  }
  static std::string Bearer(const std::string& token) { return absl::StrCat("Authorization: Bearer ", token, "\r\n"); }

  static Result Refused(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {test::ProgramPath("authstated"), "--log-level", "error"});
    return RunToEnd(std::move(arguments));
  }
};
using HttpPortOnPostgresTest = test::OnPostgres<HttpPortTest>;

grpc::Status Write(v1::AuthStateService::Stub& stub, const std::string& session_id) {
  grpc::ClientContext context;
  v1::CommitRequest request;
  request.set_session_id(session_id);
  request.mutable_creds()->set_json(R"({"me":"tops3cret"})");
  v1::KeyEntry* const entry = request.add_sets();
  entry->mutable_key()->set_type("session");
  entry->mutable_key()->set_id("49301234567.0");
  entry->mutable_value()->set_raw("tops3cret");
  v1::CommitResponse response;
  return stub.Commit(&context, request, &response);
}

grpc::Status Read(v1::AuthStateService::Stub& stub, const std::string& session_id) {
  grpc::ClientContext context;
  v1::GetCredsRequest request;
  request.set_session_id(session_id);
  v1::GetCredsResponse response;
  return stub.GetCreds(&context, request, &response);
}

TEST_F(HttpPortTest, ALiveScrapePassesPromtoolAndTellsNothingOfASession) {
  Start(OnSqlite());
  const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::AuthStateService::NewStub(channel);
  ASSERT_TRUE(Write(*stub, "15551234567").ok());
  ASSERT_TRUE(Read(*stub, "15551234567").ok());
  const std::string scrape = Scrape();
  EXPECT_THAT(scrape, AllOf(Not(HasSubstr("15551234567")), Not(HasSubstr("49301234567")), Not(HasSubstr("tops3cret"))));
  std::ofstream(Live("scrape")) << scrape;
  const Result checked = RunToEnd({"bash", "-c", "promtool check metrics <" + Live("scrape")});
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  EXPECT_EQ(checked.out + checked.err, "");
}

TEST_F(HttpPortTest, EveryMetricIsOnThePageAndNoOther) {
  std::vector<std::string> arguments = Tls();
  arguments.insert(arguments.end(), {"--http-listen", "127.0.0.1:0", "--backup-metrics", Live("none.prom")});
  Start(arguments);
  // Those of sessions are there once these were listed.
  while (ValueOf("authstate_sessions_listed_timestamp_seconds") == "0") {
  }
  std::set<std::string> served;
  for (const std::string& line : Lines(Scrape())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() == 4 && words[0] == "#" && words[1] == "TYPE") served.insert(words[2]);
  }
  std::set<std::string> documented;
  std::ifstream page(AUTHSTATE_METRICS_PAGE);
  for (std::string line; std::getline(page, line);) {
    // A row of a table: "| `authstate_ready` | …".
    const std::vector<std::string> parts = absl::StrSplit(line, '`');
    if (parts.size() < 3 || parts[0] != "| " || !absl::StartsWith(parts[2], " |")) continue;
    for (const char* const prefix : {"authstate_", "grpc_", "process_"}) {
      if (absl::StartsWith(parts[1], prefix)) documented.insert(parts[1]);
    }
  }
  EXPECT_EQ(served, documented);
}

TEST_F(HttpPortTest, EverySetOfLabelsIsThereAtZeroFromTheStart) {
  Start(OnSqlite());
  int methods = 0;
  for (const std::string& line : Lines(Scrape())) {
    if (line.rfind("grpc_server_started_total{", 0) == 0) ++methods;
    for (const char* const counter :
         {"grpc_server_", "authstate_pipe_operations_total", "authstate_refused_callers_total",
          "authstate_leases_total", "authstate_backend_errors_total"}) {
      if (line.rfind(counter, 0) != 0) continue;
      EXPECT_THAT(line, testing::EndsWith(" 0"));
    }
  }
  EXPECT_EQ(methods, 31);
  EXPECT_EQ(
      ValueOf(
          R"(grpc_server_handled_total{grpc_service="authstate.v1.AuthStateService",grpc_method="Pipe",grpc_code="DATA_LOSS"})"),
      "0");
  EXPECT_EQ(ValueOf(R"(authstate_backend_errors_total{backend="sqlite",class="not_committed"})"), "0");
}

TEST_F(HttpPortTest, TheLastBackupIsThatOfTheFilesAsTheyAreAtAScrape) {
  std::vector<std::string> arguments = OnSqlite();
  arguments.insert(arguments.end(), {"--backup-metrics", Live("create.prom")});
  Start(arguments);
  EXPECT_EQ(ValueOf("authstate_last_backup_success_timestamp_seconds"), "0");
  std::ofstream(Live("create.prom")) << "authstate_backup_last_success_timestamp_seconds 1700000000\n"
                                        "authstate_backup_last_unread_sessions 2\n";
  EXPECT_EQ(ValueOf("authstate_last_backup_success_timestamp_seconds"), "1700000000");
  EXPECT_EQ(ValueOf("authstate_last_backup_unread_sessions"), "2");
}

TEST_F(HttpPortTest, CallsOperationsAndLeasesAreCounted) {
  Start(OnSqlite());
  const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::AuthStateService::NewStub(channel);
  ASSERT_TRUE(Write(*stub, "a").ok());
  ASSERT_TRUE(Read(*stub, "a").ok());
  EXPECT_FALSE(Read(*stub, "b").ok());
  EXPECT_FALSE(Read(*stub, "b").ok());
  test::PipeCaller pipe(server_->address());
  ASSERT_THAT(pipe.Call(send::Message({send::Attach(1, 1, "c"), send::Get(1, 2)})), testing::SizeIs(2));
  const auto handled = [this](const char* method, const char* code) {
    return ValueOf(
        absl::StrCat(R"(grpc_server_handled_total{grpc_service="authstate.v1.AuthStateService",grpc_method=")", method,
                     R"(",grpc_code=")", code, R"("})"));
  };
  EXPECT_EQ(handled("Commit", "OK"), "1");
  EXPECT_EQ(handled("GetCreds", "OK"), "1");
  EXPECT_EQ(handled("GetCreds", "NOT_FOUND"), "2");
  EXPECT_EQ(handled("Pipe", "OK"), "0");
  EXPECT_EQ(
      ValueOf(
          R"(grpc_server_handling_seconds_count{grpc_service="authstate.v1.AuthStateService",grpc_method="GetCreds"})"),
      "3");
  EXPECT_EQ(ValueOf(R"(authstate_pipe_operations_total{operation="attach",grpc_code="OK"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_pipe_operations_total{operation="get",grpc_code="OK"})"), "1");
  EXPECT_EQ(ValueOf("authstate_pipe_streams"), "1");
  EXPECT_EQ(ValueOf("authstate_pipe_channels"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_leases_total{event="gained"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_commits_total{backend="sqlite",outcome="applied"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_calls_at_work{backend="sqlite"})"), "0");
  EXPECT_EQ(ValueOf(R"(authstate_backend_calls_waiting{backend="sqlite"})"), "0");
}

TEST_F(HttpPortOnPostgresTest, ReadinessAndMetricsFollowTheDatabaseBothWays) {
  Start(
      {"--backend", "postgres", "--postgres-url", url(), "--health-interval-ms", "50", "--http-listen", "127.0.0.1:0"});
  EXPECT_EQ(HttpGet(HttpAddress(), "/readyz").body, "{\"ready\":true}\n");
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="postgres"})"), "1");
  ASSERT_TRUE(postgres().Stop().ok());
  const HttpAnswer fallen = Await("/readyz", 503);
  ASSERT_EQ(fallen.status, 503);
  const nlohmann::json reason = nlohmann::json::parse(fallen.body)["reasons"][0];
  EXPECT_EQ(reason["reason"], "DATABASE_UNAVAILABLE");
  EXPECT_THAT(std::string(reason["message"]), Not(HasSubstr("127.0.0.1")));
  EXPECT_EQ(HttpGet(HttpAddress(), "/livez").status, 200);
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="postgres"})"), "0");
  EXPECT_EQ(ValueOf("authstate_ready"), "0");
  EXPECT_NE(ValueOf(R"(authstate_backend_errors_total{backend="postgres",class="unreachable"})"), "0");
  ASSERT_TRUE(postgres().Start().ok());
  EXPECT_EQ(Await("/readyz", 200).status, 200);
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="postgres"})"), "1");
}

TEST_F(HttpPortOnPostgresTest, TheDiskOfAFileThatMayServeNextIsToldBeforeThereIsOne) {
  Start({"--backend", "postgres", "--postgres-url", url(), "--sqlite-path", Live("next.db"), "--http-listen",
         "127.0.0.1:0"});
  EXPECT_EQ(ValueOf(absl::StrCat(R"(authstate_sqlite_file_bytes{file=")", Live("next.db"), R"("})")), "0");
  EXPECT_NE(ValueOf(absl::StrCat(R"(authstate_sqlite_disk_free_bytes{file=")", Live("next.db"), R"("})")), "");
}

TEST_F(HttpPortOnPostgresTest, HowFarTheDatabaseIsBehindIsSeen) {
  Start({"--backend", "postgres", "--postgres-url", url(), "--write-behind", Live("near.db"),
         "--write-behind-max-bytes", "2000000", "--http-listen", "127.0.0.1:0"});
  test::PipeCaller pipe(server_->address());
  ASSERT_THAT(pipe.Call(send::Message({send::Attach(1, 1, "c")})), testing::SizeIs(1));
  EXPECT_EQ(ValueOf("authstate_write_behind_sessions"), "1");
  EXPECT_EQ(ValueOf("authstate_write_behind_max_bytes"), "2000000");
  EXPECT_EQ(ValueOf("authstate_write_behind_max_lag_seconds"), "3600");
  EXPECT_EQ(ValueOf("authstate_write_behind_away"), "0");
  EXPECT_EQ(ValueOf("authstate_write_behind_orphans"), "0");
  EXPECT_EQ(ValueOf("authstate_maintenance"), "0");
  EXPECT_EQ(nlohmann::json::parse(HttpGet(HttpAddress(), "/status.json").body)["write_behind"]["sessions"], 1);
}

TEST_F(HttpPortTest, HowFarAFollowedDatabaseIsBehindGrowsWhileItIsAway) {
  auto postgres = test::TestPostgres::Create();
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  Start({"--backend", "sqlite", "--sqlite-path", Live("a.db"), "--postgres-url", (*postgres)->url(), "--http-listen",
         "127.0.0.1:0"});
  constexpr char kFollowing[] = R"(authstate_backend_following{backend="postgres"})";
  constexpr char kLag[] = R"(authstate_backend_follow_lag_seconds{backend="postgres"})";
  EXPECT_EQ(ValueOf(kFollowing), "0");
  EXPECT_EQ(ValueOf(kLag), "0");
  client::ClientOptions options;
  options.address = server_->address();
  client::Client operator_of_it(options);
  client::SyncOptions sync;
  sync.target = "postgres";
  sync.follow = true;
  client::SyncResult result;
  const auto ignore = [](const client::SwitchProgress& /*progress*/) {};
  const absl::Status followed = operator_of_it.SyncBackend(sync, ignore, &result);
  ASSERT_TRUE(followed.ok()) << followed;
  EXPECT_EQ(ValueOf(kFollowing), "1");

  // When it had all that was written, or earlier, as a scrape takes its time.
  const auto equal_at = [&] {
    const absl::Time asked = absl::Now();
    double seconds = 0;
    EXPECT_TRUE(absl::SimpleAtod(ValueOf(kLag), &seconds));
    return asked - absl::Seconds(seconds);
  };
  const auto await_equal_after = [&](absl::Time time) {
    const absl::Time give_up = absl::Now() + kTlsPatience;
    while (equal_at() <= time && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(5));
    ASSERT_GT(equal_at(), time);
  };
  await_equal_after(absl::Now());
  ASSERT_TRUE((*postgres)->Stop().ok());
  const absl::Time away = absl::Now();
  absl::Time equal;
  do {
    equal = equal_at();
    EXPECT_LE(equal, away);
  } while (absl::Now() - equal < absl::Seconds(1));
  ASSERT_TRUE((*postgres)->Start().ok());
  await_equal_after(absl::Now());
  sync.follow = false;
  EXPECT_TRUE(operator_of_it.SyncBackend(sync, ignore, &result).ok());
  EXPECT_EQ(ValueOf(kFollowing), "0");
  EXPECT_EQ(ValueOf(kLag), "0");
}

TEST_F(HttpPortOnPostgresTest, TheFileBeforeADatabaseIsNotTakenForIt) {
  Start({"--backend", "postgres", "--postgres-url", url(), "--write-behind", Live("near.db"), "--health-interval-ms",
         "50", "--http-listen", "127.0.0.1:0"});
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="postgres"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="write-behind"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_data_loss_total{backend="write-behind"})"), "0");
  EXPECT_EQ(ValueOf(R"(authstate_backend_commits_total{backend="write-behind",outcome="applied"})"), "0");
  test::PipeCaller pipe(server_->address());
  ASSERT_THAT(pipe.Call(send::Message({send::Attach(1, 1, "c")})), testing::SizeIs(1));
  ASSERT_TRUE(postgres().Stop().ok());
  // What is at home goes on.
  ASSERT_THAT(pipe.Call(send::Message({send::Commit(1, 2, 1, "v")})), testing::SizeIs(1));
  while (ValueOf("authstate_write_behind_away") == "0") {
  }
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="postgres"})"), "0");
  EXPECT_EQ(ValueOf(R"(authstate_backend_up{backend="write-behind"})"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_commits_total{backend="write-behind",outcome="applied"})"), "1");
  EXPECT_EQ(HttpGet(HttpAddress(), "/readyz").status, 200);
  ASSERT_TRUE(postgres().Start().ok());
}

TEST_F(HttpPortOnPostgresTest, AServerBehindWhichTheDatabaseWasNeverReachedTellsSo) {
  const std::vector<std::string> arguments = {"--backend",      "postgres",      "--postgres-url", url(),
                                              "--write-behind", Live("near.db"), "--http-listen",  "127.0.0.1:0"};
  // A file that belongs to a database may serve without it.
  Start(arguments);
  ASSERT_EQ(ValueOf("authstate_write_behind_away"), "0");
  ASSERT_TRUE(server_->Terminate().ok());
  ASSERT_TRUE(postgres().Stop().ok());
  Start(arguments);
  EXPECT_EQ(ValueOf("authstate_write_behind_away"), "1");
  EXPECT_EQ(ValueOf(R"(authstate_backend_serving{backend="postgres"})"), "0");
  EXPECT_EQ(ValueOf(R"(authstate_backend_commits_total{backend="postgres",outcome="applied"})"), "0");
  EXPECT_EQ(HttpGet(HttpAddress(), "/status.json").status, 200);
  ASSERT_TRUE(postgres().Start().ok());
}

TEST_F(HttpPortTest, StatusTellsHowTheServerIs) {
  Start(OnSqlite());
  const HttpAnswer answer = HttpGet(HttpAddress(), "/status.json");
  EXPECT_THAT(answer.head, HasSubstr("Content-Type: application/json"));
  const nlohmann::json status = nlohmann::json::parse(answer.body);
  EXPECT_EQ(status["ready"], true);
  EXPECT_EQ(status["address"], server_->address());
  EXPECT_EQ(status["transport"], "plain text");
  EXPECT_EQ(status["access"], "open");
  EXPECT_EQ(status["encryption"], nullptr);
  EXPECT_EQ(status["backends"][0]["name"], "sqlite");
  EXPECT_EQ(status["backends"][0]["serving"], true);
}

TEST_F(HttpPortOnPostgresTest, StatusTellsOfSessionsRequestsAndDatabasesThatDoNotServe) {
  std::ofstream(Live("create.prom")) << "authstate_backup_last_sessions 3\n";
  Start({"--backend", "postgres", "--postgres-url", url(), "--sqlite-path", Live("next.db"), "--backup-metrics",
         absl::StrCat(Live("create.prom"), ", ", Live("later.prom")), "--http-listen", "127.0.0.1:0"});
  const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::AuthStateService::NewStub(channel);
  EXPECT_FALSE(Read(*stub, "b").ok());
  const auto status = [this] { return nlohmann::json::parse(HttpGet(HttpAddress(), "/status.json").body); };
  nlohmann::json told = status();
  while (told["sessions"].is_null()) told = status();
  EXPECT_EQ(told["sessions"]["states"]["paired"], 0);
  EXPECT_EQ(told["calls"]["ended"], (nlohmann::json{{"NOT_FOUND", 1}}));
  EXPECT_EQ(told["leases"]["gained"], 0);
  EXPECT_EQ(told["backup"], (nlohmann::json{{"last_sessions", 3}}));
  EXPECT_TRUE(told["backends"][0]["last_asked"].is_string());
  EXPECT_EQ(told["backends"][1]["name"], "sqlite");
  EXPECT_TRUE(told["backends"][1]["last_asked"].is_null());
  EXPECT_EQ(told["history"]["backend"], "postgres");
  EXPECT_EQ(told["history"]["step_seconds"], 5);
  while (told["history"]["requests"].empty()) told = status();
  EXPECT_EQ(told["history"]["requests"][0], 1);
  EXPECT_EQ(told["history"]["failures"][0], 0);
  EXPECT_GT(told["history"]["p99_ms"][0], 0);
}

TEST_F(HttpPortTest, ThePageLoadsNothingElseAndHoldsNothingOfTheServer) {
  Start(OnSqlite());
  const HttpAnswer page = HttpGet(HttpAddress(), "/status");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head, AllOf(HasSubstr("Content-Type: text/html; charset=utf-8"),
                               HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'sha256-"),
                               Not(HasSubstr("unsafe"))));
  EXPECT_THAT(page.body, AllOf(HasSubstr("<main>"), Not(HasSubstr("{{")), Not(HasSubstr(server_->address()))));
}

TEST_F(HttpPortTest, APathThatIsNotUtf8IsToldAsFarAsItIs) {
  const std::string path = Live("a \xff.db");
  Start({"--sqlite-path", path, "--http-listen", "127.0.0.1:0"});
  const HttpAnswer status = HttpGet(HttpAddress(), "/status.json");
  EXPECT_EQ(status.status, 200);
  EXPECT_THAT(std::string(nlohmann::json::parse(status.body)["backends"][0]["location"]), HasSubstr("a \uFFFD.db"));
  EXPECT_THAT(Scrape(), HasSubstr("a ?.db\"}"));
  ASSERT_TRUE(server_->Terminate().ok());
  Start({"--sqlite-path", path, "--log-format", "text"});
  AwaitLog("Using ");
  EXPECT_TRUE(server_->process().running());
}

TEST_F(HttpPortTest, OtherPathsAndMethodsAreNotThere) {
  Start(OnSqlite());
  EXPECT_EQ(HttpGet(HttpAddress(), "/").status, 404);
  EXPECT_EQ(HttpGet(HttpAddress(), "/metrics/").status, 404);
  const test::HttpPeer peer(HttpAddress());
  peer.Send("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(test::ParseAnswer(peer.ReadToEnd()).status, 405);
}

TEST_F(HttpPortTest, OffIsOff) {
  Start(OnSqlite("off"));
  EXPECT_EQ(LinesOfLog("over HTTP"), 0);
  EXPECT_EQ(LinesOfLog("no metrics"), 0);
}

TEST_F(HttpPortTest, WhereTheDefaultIsTakenTheServerGoesOnWithoutAndElsewhereItDoesNot) {
  const std::string default_address = "127.0.0.1:50080";
  Start(OnSqlite(default_address));
  // Whoever has it, this one does not.
  const auto other = test::TestServer::Create({{"--sqlite-path", Live("b.db"), "--http-listen", default_address}, {}});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE((*other)->process().WaitForLine("no metrics", kTlsPatience, test::Subprocess::Stream::kStderr).ok());
  const Result refused =
      Refused({"--sqlite-path", Live("c.db"), "--listen", "127.0.0.1:0", "--http-listen", server_->address()});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("--http-listen " + server_->address() + ": Address already in use"));
}

TEST_F(HttpPortTest, PlainTextAndAnOpenServerStayOnTheMachine) {
  const Result plain = Refused({"--sqlite-path", Live("never.db"), "--http-listen", "0.0.0.0:0"});
  EXPECT_EQ(plain.code, 2);
  EXPECT_THAT(plain.err,
              AllOf(HasSubstr("--http-listen 0.0.0.0:0: others than this machine"), HasSubstr("--allow-insecure")));
  const Result open = Refused(Exposed());
  EXPECT_EQ(open.code, 9);
  EXPECT_THAT(open.err, HasSubstr("--http-listen 0.0.0.0:0: others than this machine"));

  std::vector<std::string> allowed = OnSqlite("0.0.0.0:0");
  allowed.emplace_back("--allow-insecure");
  Start(allowed);
  EXPECT_EQ(HttpGet(HttpAddress(), "/status.json").status, 200);
}

TEST_F(HttpPortTest, BeyondLoopbackWhoAsksHasToBeKnown) {
  std::string reader;
  std::string admin;
  std::string expired;
  {
    const auto rights = test::GrantedRights::InSqlite(Live("a.db"));
    reader = rights->Token(test::kRead, {{"nobody", /*prefix=*/false}});
    admin = rights->Token(test::kAdmin, {});
    expired = rights->ExpiredToken();
  }
  Start(Exposed());
  // No word in plain text.
  EXPECT_EQ(HttpGet(HttpAddress(), "/livez").status, 0);

  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/status").status, 200);
  EXPECT_EQ(Get("/metrics").status, 401);
  const auto refused =
      server_->process().WaitForLine("request over HTTP refused", kTlsPatience, test::Subprocess::Stream::kStderr);
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_THAT(*refused, AllOf(HasSubstr("\"path\":\"/metrics\""), HasSubstr("\"reason\":\"NO_TOKEN\""),
                              HasSubstr("\"peer\":\"127.0.0.1\"")));
  EXPECT_EQ(Get("/status.json").status, 401);
  EXPECT_THAT(Get("/metrics").head, HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_EQ(Get("/metrics", Bearer(reader + "x")).status, 401);
  EXPECT_EQ(Get("/metrics", Bearer(expired)).status, 401);
  EXPECT_EQ(Get("/metrics", "Authorization: Basic eDp5\r\n").status, 401);
  EXPECT_EQ(Get("/metrics", Bearer(reader) + Bearer(admin)).status, 401);

  EXPECT_EQ(Get("/metrics", Bearer(reader)).status, 200);
  EXPECT_EQ(Get("/status.json", Bearer(reader)).status, 403);
  EXPECT_EQ(Get("/metrics", Bearer(admin)).status, 200);
  EXPECT_EQ(Get("/status.json", Bearer(admin)).status, 200);

  const auto top = [this](std::vector<std::string> more) {
    more.insert(more.begin(), {test::ProgramPath("authstatectl"), "--ca", Made("ca.pem")});
    more.insert(more.end(), {"top", "--once", "--url", absl::StrCat("https://127.0.0.1:", Port())});
    return RunToEnd(std::move(more));
  };
  EXPECT_THAT(top({"--server-name", "localhost", "--token", admin}).out, HasSubstr("serving since"));
  EXPECT_THAT(top({"--server-name", "localhost", "--token", reader}).err, HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(top({"--server-name", "localhost"}).err, HasSubstr("UNAUTHENTICATED"));
  EXPECT_THAT(top({"--server-name", "other.test", "--token", admin}).err, HasSubstr("another name"));
}

TEST_F(HttpPortTest, OnLoopbackItIsFreeAlsoWhereTheOtherPortIsNot) {
  (void)test::GrantedRights::InSqlite(Live("a.db"))->Token(test::kAdmin, {});
  std::vector<std::string> arguments = Tls();
  arguments.insert(arguments.end(), {"--http-listen", "127.0.0.1:0"});
  Start(arguments);
  EXPECT_EQ(HttpGet(HttpAddress(), "/metrics").status, 200);
  EXPECT_EQ(HttpGet(HttpAddress(), "/status.json").status, 200);
}

TEST_F(HttpPortTest, ClientCertificatesAreAskedForAndTellWhoItIs) {
  {
    const auto rights = test::GrantedRights::InSqlite(Live("a.db"));
    rights->Certificate("DNS:pool.test", test::kRead, {{"nobody", /*prefix=*/false}});
    rights->Certificate("URI:spiffe://authstate.test/reader", test::kAdmin, {});
  }
  std::vector<std::string> arguments = MutualTls();
  arguments.insert(arguments.end(), {"--http-listen", "0.0.0.0:0"});
  Start(arguments);
  EXPECT_EQ(Get("/livez").status, 401);
  EXPECT_THAT(Get("/livez").body, HasSubstr("show a certificate"));
  EXPECT_EQ(Get("/livez", "", "other-client").status, 401);
  AwaitLog("request over HTTP refused");
  EXPECT_THAT(Get("/metrics", "", "pool").body,
              HasSubstr("authstate_refused_callers_total{reason=\"CERTIFICATE_UNKNOWN\"} 3\n"));
  EXPECT_EQ(Get("/livez", "", "stranger").status, 200);
  EXPECT_EQ(Get("/metrics", "", "stranger").status, 401);
  EXPECT_EQ(Get("/metrics", "", "pool").status, 200);
  EXPECT_EQ(Get("/status.json", "", "pool").status, 403);
  EXPECT_EQ(Get("/status.json", "", "reader").status, 200);
  // A token counts alone, also where it turns out to be none.
  EXPECT_EQ(Get("/metrics", "Authorization: Bearer x\r\n", "pool").status, 401);
}

TEST_F(HttpPortTest, ANewCertificateIsShownHereToo) {
  (void)test::GrantedRights::InSqlite(Live("a.db"))->Token(test::kAdmin, {});
  Start(Exposed());
  const auto shown = [this] {
    return RunToEnd({"openssl", "s_client", "-connect", "127.0.0.1" + HttpAddress().substr(HttpAddress().rfind(':')),
                     "-servername", "localhost"})
        .out;
  };
  EXPECT_THAT(shown(), HasSubstr("authstate test server\n"));
  Put("renewed.key", "tls.key");
  Put("renewed.pem", "tls.pem");
  server_->process().Signal(SIGHUP);
  AwaitLog("TLS certificate replaced");
  EXPECT_THAT(shown(), HasSubstr("authstate test renewed\n"));
}

}  // namespace
}  // namespace authstate
