// What an operator sees when authstated starts on a PostgreSQL that refuses it, or takes it: against real servers.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_pgbouncer.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using test::TestCertificates;
using test::TestPgBouncer;
using test::TestPostgres;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kDatabaseAway = 5;
constexpr int kRefused = 7;
// With characters that mean something in URLs, conninfo strings and shells.
constexpr char kPassword[] = R"(s3cret}|<?'\ "%=&@/:#)";

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) ADD_FAILURE() << value.status();
  return value.ok() ? *std::move(value) : T{};
}

class DatabaseStartTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificates_ = Must(TestCertificates::Create()).release();
    hba_ = new test::TempDir();
    // World-readable, as PostgreSQL runs under another account; there is nothing secret in it.
    const std::string hba = hba_->File("hba.conf");
    std::ofstream(hba) << "hostssl all keyless 127.0.0.1/32 scram-sha-256\n"
                          "host all barred 127.0.0.1/32 reject\n"
                          "host all all 127.0.0.1/32 trust\n";
    chmod(hba.substr(0, hba.rfind('/')).c_str(), 0755);
    std::vector<std::string> settings = certificates_->ServerSettings();
    settings.push_back("hba_file=" + hba);
    secure_ = Must(TestPostgres::Create({std::move(settings)})).release();
    plain_ = Must(TestPostgres::Create()).release();
    const absl::Status made = TestPostgres::Run(
        secure_->url(), R"(CREATE ROLE keyless LOGIN PASSWORD 's3cret}|<?''\ "%=&@/:#'; CREATE ROLE barred LOGIN;)");
    ASSERT_TRUE(made.ok()) << made;
    const absl::Status own = TestPostgres::Run(secure_->url(), "CREATE DATABASE keyless OWNER keyless");
    ASSERT_TRUE(own.ok()) << own;
  }
  static void TearDownTestSuite() {
    delete plain_;
    delete secure_;
    delete hba_;
    delete certificates_;
  }

  // Options of a profile that reaches the server with TLS; more specific ones come after and win.
  static std::vector<std::string> Timeweb(std::uint16_t port, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {
        "--backend=timeweb",           "--timeweb-host=localhost", absl::StrCat("--timeweb-port=", port),
        "--timeweb-database=postgres", "--timeweb-user=postgres",  "--timeweb-ca-file=" + certificates_->ca_file(),
        "--listen=127.0.0.1:0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // Ends with `code` and one line on standard error, which has `part` and no secret.
  static void ExpectFailure(std::vector<std::string> arguments, int code, const std::string& part) {
    arguments.insert(arguments.begin(), test::ProgramPath("authstated"));
    const auto process = Must(Subprocess::Start({std::move(arguments), {}}));
    ASSERT_NE(process, nullptr);
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit.ok()) << exit.status();
    const std::string error = process->output(Subprocess::Stream::kStderr);
    EXPECT_EQ(exit->code, code) << error;
    EXPECT_THAT(error, AllOf(StartsWith("authstated: "), HasSubstr(part), Not(HasSubstr("s3cret"))));
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  }

  // Starts, and returns the server once its log says `part`.
  static std::unique_ptr<test::TestServer> ExpectStart(std::vector<std::string> arguments,
                                                       std::vector<std::string> environment, const std::string& part) {
    auto server = Must(test::TestServer::Create({std::move(arguments), std::move(environment)}));
    if (server == nullptr) return nullptr;
    const auto line = server->process().WaitForLine(part, kPatience, Subprocess::Stream::kStderr);
    EXPECT_TRUE(line.ok()) << line.status();
    return server;
  }

  static TestCertificates* certificates_;
  static test::TempDir* hba_;
  // With TLS, for who wants it; and without.
  static TestPostgres* secure_;
  static TestPostgres* plain_;
  test::TempDir directory_;
};

TestCertificates* DatabaseStartTest::certificates_ = nullptr;
test::TempDir* DatabaseStartTest::hba_ = nullptr;
TestPostgres* DatabaseStartTest::secure_ = nullptr;
TestPostgres* DatabaseStartTest::plain_ = nullptr;

TEST_F(DatabaseStartTest, SaysWhichDatabaseLayoutTlsAndPoolerAreInForce) {
  const auto server = ExpectStart(Timeweb(secure_->port()), {},
                                  "Using Timeweb PostgreSQL auth state (layout native, TLS verify-full, pooler ");
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(server->ready_line(),
              HasSubstr(absl::StrCat("backend timeweb localhost:", secure_->port(), "/postgres")));
  EXPECT_THAT(server->process().output(Subprocess::Stream::kStderr), HasSubstr(R"("tls":"TLSv1.3, verify-full")"));
}

TEST_F(DatabaseStartTest, OneVariableSwitchesBetweenTwoConfiguredDatabases) {
  const std::vector<std::string> both = {
      "AUTHSTATE_TIMEWEB_HOST=localhost",
      absl::StrCat("AUTHSTATE_TIMEWEB_PORT=", secure_->port()),
      "AUTHSTATE_TIMEWEB_DATABASE=postgres",
      "AUTHSTATE_TIMEWEB_USER=postgres",
      "AUTHSTATE_TIMEWEB_CA_FILE=" + certificates_->ca_file(),
      absl::StrCat("AUTHSTATE_SUPABASE_URL=postgresql://postgres@localhost:", secure_->port(), "/postgres"),
      "AUTHSTATE_SUPABASE_CA_FILE=" + certificates_->ca_file()};
  const std::pair<const char*, const char*> switches[] = {{"false", "Using Timeweb PostgreSQL auth state"},
                                                          {"true", "Using Supabase PostgreSQL auth state"}};
  for (const auto& [value, said] : switches) {
    std::vector<std::string> environment = both;
    environment.push_back(absl::StrCat("USE_LEGACY_SUPABASE=", value));
    EXPECT_NE(ExpectStart({}, environment, said), nullptr);
  }
}

TEST_F(DatabaseStartTest, TheDatabaseThatIsNotUsedMayBeIncomplete) {
  EXPECT_NE(ExpectStart(Timeweb(secure_->port(), {"--supabase-host=only.a.host.example"}), {},
                        "Using Timeweb PostgreSQL auth state"),
            nullptr);
}

TEST_F(DatabaseStartTest, AWeakerModeIsObeyedAndSaid) {
  EXPECT_NE(ExpectStart(Timeweb(plain_->port(), {"--timeweb-sslmode=disable"}), {},
                        "Using Timeweb PostgreSQL auth state (layout native, no TLS, "),
            nullptr);
  // Towards a name that is not known to be this machine, it is warned of.
  const std::string named = absl::StrCat(
      "host=db.example hostaddr=127.0.0.1 user=postgres dbname=postgres port=", plain_->port(), " sslmode=disable");
  EXPECT_NE(ExpectStart({"--backend=postgres", "--postgres-url", named}, {}, "--postgres-sslmode=disable: "), nullptr);
}

TEST_F(DatabaseStartTest, APasswordOfAnyCharactersIsAcceptedFromAFileAndFromTheEnvironment) {
  const std::string file = directory_.File("password");
  std::ofstream(file) << kPassword << "\n";
  EXPECT_NE(ExpectStart(Timeweb(secure_->port(), {"--timeweb-user=keyless", "--timeweb-database=keyless",
                                                  "--timeweb-password-file=" + file}),
                        {}, "Using Timeweb"),
            nullptr);
  EXPECT_NE(ExpectStart(Timeweb(secure_->port(), {"--timeweb-user=keyless", "--timeweb-database=keyless"}),
                        {absl::StrCat("AUTHSTATE_TIMEWEB_PASSWORD=", kPassword)}, "Using Timeweb"),
            nullptr);
}

// Reads until the server's health is `wanted`.
void AwaitHealth(grpc::ClientReader<grpc::health::v1::HealthCheckResponse>& health,
                 grpc::health::v1::HealthCheckResponse::ServingStatus wanted) {
  grpc::health::v1::HealthCheckResponse response;
  while (health.Read(&response)) {
    if (response.status() == wanted) return;
  }
  ADD_FAILURE() << "the server's health never became " << wanted;
}

TEST_F(DatabaseStartTest, APasswordThatIsRejectedLaterIsWaitedForAsNotServing) {
  using grpc::health::v1::HealthCheckResponse;
  const absl::Status made = TestPostgres::Run(secure_->url(), "CREATE DATABASE later OWNER keyless");
  ASSERT_TRUE(made.ok()) << made;
  const auto server = ExpectStart(
      Timeweb(secure_->port(), {"--timeweb-user=keyless", "--timeweb-database=later", "--health-interval-ms=50"}),
      {absl::StrCat("AUTHSTATE_TIMEWEB_PASSWORD=", kPassword)}, "Using Timeweb");
  ASSERT_NE(server, nullptr);
  const auto stub =
      grpc::health::v1::Health::NewStub(grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + 2 * kPatience));
  const auto health = stub->Watch(&context, grpc::health::v1::HealthCheckRequest());
  AwaitHealth(*health, HealthCheckResponse::SERVING);

  // Each committed by itself: the server connects again at once.
  for (const char* sql : {"ALTER ROLE keyless PASSWORD 'another'",
                          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'keyless'"}) {
    const absl::Status changed = TestPostgres::Run(secure_->url(), sql);
    ASSERT_TRUE(changed.ok()) << changed;
  }
  AwaitHealth(*health, HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(server->process().running());

  const absl::Status restored =
      TestPostgres::Run(secure_->url(), R"(ALTER ROLE keyless PASSWORD 's3cret}|<?''\ "%=&@/:#')");
  ASSERT_TRUE(restored.ok()) << restored;
  AwaitHealth(*health, HealthCheckResponse::SERVING);
  EXPECT_THAT(server->process().output(Subprocess::Stream::kStderr), Not(HasSubstr("s3cret")));
  context.TryCancel();
}

TEST_F(DatabaseStartTest, AWrongPasswordIsOneLineAndItsCode) {
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-user=keyless", "--timeweb-password=s3cret-and-wrong"}), kRefused,
                "the password of role \"keyless\" was rejected");
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-user=keyless"}), kRefused, "wants a password");
}

TEST_F(DatabaseStartTest, AnUnknownRoleOrDatabaseIsOneLineAndItsCode) {
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-user=nobody"}), kRefused, "role \"nobody\" does not exist");
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-database=nowhere"}), kRefused,
                "database \"nowhere\" does not exist");
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-user=barred"}), kRefused, "pg_hba.conf");
}

TEST_F(DatabaseStartTest, ACertificateOfAnotherAuthorityIsOneLineAndItsCode) {
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-ca-file=" + certificates_->other_ca_file()}), kRefused,
                "not of the authority in --timeweb-ca-file");
}

TEST_F(DatabaseStartTest, ACertificateForAnotherNameIsOneLineAndItsCode) {
  const auto elsewhere = Must(TestPostgres::Create({certificates_->ElsewhereSettings()}));
  ASSERT_NE(elsewhere, nullptr);
  ExpectFailure(Timeweb(elsewhere->port()), kRefused, "for another host name");
}

TEST_F(DatabaseStartTest, ACaFileThatIsNoneIsOneLineAndItsCode) {
  const std::string file = directory_.File("broken.pem");
  std::ofstream(file) << "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n";
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-ca-file=" + file}), kRefused, "check --timeweb-ca-file");
  ExpectFailure(Timeweb(secure_->port(), {"--timeweb-ca-file=/does/not/exist.pem"}), 2, "--timeweb-ca-file");
}

TEST_F(DatabaseStartTest, AServerWithoutTlsIsNeverFallenBackTo) {
  ExpectFailure(Timeweb(plain_->port()), kRefused, "offers no TLS");
}

TEST_F(DatabaseStartTest, AClosedPortAndAnUnknownHostAreOneLineAndTheirCode) {
  ExpectFailure(Timeweb(1), kDatabaseAway, "nothing listens there");
  ExpectFailure(Timeweb(5432, {"--timeweb-host=nowhere.invalid"}), kDatabaseAway, "the host name is not known");
}

TEST_F(DatabaseStartTest, SeveralHostsAreTriedInTheirOrder) {
  EXPECT_NE(ExpectStart(
                Timeweb(1, {"--timeweb-host=localhost,localhost", absl::StrCat("--timeweb-port=1,", secure_->port())}),
                {}, "Using Timeweb"),
            nullptr);
  ExpectFailure(Timeweb(1, {"--timeweb-host=localhost,nowhere.invalid"}), kDatabaseAway, "the host name is not known");
}

// Takes connections and says nothing.
class SilentListener {
 public:
  SilentListener() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentListener() { close(socket_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  std::uint16_t port() const { return port_; }

  // How many connections have been made by now.
  int Connections() const {
    int count = 0;
    pollfd waiting = {socket_, POLLIN, 0};
    while (poll(&waiting, 1, 0) > 0) {
      close(accept(socket_, nullptr, nullptr));
      ++count;
    }
    return count;
  }

 private:
  const int socket_;
  std::uint16_t port_ = 0;
};

TEST_F(DatabaseStartTest, ASilentServerIsGivenUpAfterOneAttempt) {
  const SilentListener silent;
  ExpectFailure(Timeweb(silent.port(), {"--timeweb-host=127.0.0.1"}), kDatabaseAway, "no answer");
  EXPECT_EQ(silent.Connections(), 1);
}

TEST_F(DatabaseStartTest, APoolersRefusalsAreUnderstoodToo) {
  TestPgBouncer::Options options;
  options.postgres_port = plain_->port();
  const auto pooler = Must(TestPgBouncer::Create(options));
  ASSERT_NE(pooler, nullptr);
  EXPECT_NE(
      ExpectStart({"--backend=postgres", "--postgres-url", pooler->Through(plain_->url()), "--listen=127.0.0.1:0"}, {},
                  "Using PostgreSQL auth state (layout native, no TLS, pooler "),
      nullptr);
  std::string nowhere = pooler->Through(plain_->url());
  nowhere.replace(nowhere.rfind('/'), std::string::npos, "/nowhere");
  ExpectFailure({"--backend=postgres", "--postgres-url", nowhere, "--listen=127.0.0.1:0"}, kRefused,
                "database \"nowhere\" does not exist");
}

TEST_F(DatabaseStartTest, ADatabaseThatHeldNothingIsWarnedOfOnce) {
  const auto url = plain_->NewDatabase();
  ASSERT_TRUE(url.ok()) << url.status();
  for (const bool made : {true, false}) {
    const auto server = Must(test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + *url}, {}}));
    ASSERT_NE(server, nullptr);
    ASSERT_TRUE(server->Terminate().ok());
    const std::string log = server->process().output(Subprocess::Stream::kStderr);
    EXPECT_EQ(absl::StrContains(log, R"("level":"warn","message":"new, empty store at 127.0.0.1:)"), made) << log;
  }
}

}  // namespace
}  // namespace authstate
