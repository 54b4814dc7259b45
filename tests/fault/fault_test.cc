#include "tests/fault/fault_test.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/legacy_tables.h"

namespace authstate::test {
namespace {

using HealthResponse = grpc::health::v1::HealthCheckResponse;

constexpr absl::Duration kHealthPatience = absl::Minutes(2);
// What every writer has to commit before and after a fault.
constexpr std::uint64_t kSomeCommits = 3;

}  // namespace

int FaultTest::Repeats(int by_default) { return FaultRounds().value_or(1) * by_default; }

void FaultTest::StartPostgres(TestPostgres::Options options) {
  auto postgres = TestPostgres::Create(std::move(options));
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  postgres_ = *std::move(postgres);
  const auto url = postgres_->NewDatabase();
  ASSERT_TRUE(url.ok()) << url.status();
  url_ = *url;
  ASSERT_NO_FATAL_FAILURE(MakeTables(url_));
  auto proxy = TcpProxy::Create(postgres_->port());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  proxy_ = *std::move(proxy);
}

void FaultTest::MakeTables(const std::string& url) {
  const char* const layout = std::getenv("AUTHSTATE_TEST_LAYOUT");
  if (layout == nullptr) return;
  ASSERT_EQ(absl::string_view(layout), "legacy");
  const absl::Status made = CreateLegacyTables(url, LegacyTables::kPlain);
  ASSERT_TRUE(made.ok()) << made;
}

std::string FaultTest::proxied_url() const {
  return absl::StrReplaceAll(url_,
                             {{absl::StrCat(":", postgres_->port(), "/"), absl::StrCat(":", proxy_->port(), "/")}});
}

void FaultTest::StartServer(const std::string& url) {
  StartServerWith({"--backend", "postgres", "--postgres-url", url, "--health-interval-ms", "100"});
}

void FaultTest::StartServerWith(std::vector<std::string> arguments) {
  load_.reset();
  auto server = TestServer::Create({std::move(arguments), {}});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
}

void FaultTest::StartLoad(Load::Options options) {
  load_.reset();
  options.address = server_->address();
  load_ = std::make_unique<Load>(std::move(options));
  load_->AwaitAcknowledged(kSomeCommits);
}

void FaultTest::StartAll() {
  ASSERT_NO_FATAL_FAILURE(StartPostgres());
  ASSERT_NO_FATAL_FAILURE(StartServer());
  StartLoad();
}

void FaultTest::Sql(const std::string& sql) {
  const absl::Status run = TestPostgres::Run(url_, sql);
  ASSERT_TRUE(run.ok()) << sql << ": " << run;
}

void FaultTest::TerminateConnections() {
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

void FaultTest::AwaitHealth(bool serving) {
  const auto stub =
      grpc::health::v1::Health::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kHealthPatience));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("authstate.v1.AuthStateService");
  const auto stream = stub->Watch(&context, request);
  HealthResponse response;
  while (stream->Read(&response)) {
    if (response.status() != (serving ? HealthResponse::SERVING : HealthResponse::NOT_SERVING)) continue;
    context.TryCancel();
    return;
  }
  FAIL() << "the health never became " << (serving ? "SERVING" : "NOT_SERVING");
}

void FaultTest::ExpectRecovery(const std::vector<absl::StatusCode>& codes) {
  AwaitHealth(true);
  load_->AwaitAcknowledged(kSomeCommits);
  load_->Stop();
  load_->Check();
  const Load::Tally tally = load_->tally();
  EXPECT_THAT(tally.codes, testing::IsSubsetOf(codes));
  Report(Describe(tally));
}

void FaultTest::Report(absl::string_view line) {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "fault report: " << test.test_suite_name() << "." << test.name() << ": " << line << std::endl;
}

}  // namespace authstate::test
