// TLS on the port of authstated: what it starts with, whom it lets in, what it shows when its files change, and what
// its clients refuse.
#include "client/cpp/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/machine.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(60);

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

Result RunToEnd(std::vector<std::string> argv, std::vector<std::string> environment = {}) {
  auto process = Subprocess::Start({std::move(argv), std::move(environment)});
  EXPECT_TRUE(process.ok()) << process.status();
  if (!process.ok()) return {};
  const auto exit = (*process)->Wait(kPatience);
  EXPECT_TRUE(exit.ok()) << exit.status();
  return {exit.ok() ? exit->code.value_or(-1) : -1, (*process)->output(Subprocess::Stream::kStdout),
          (*process)->output(Subprocess::Stream::kStderr)};
}

class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = test::TestCertificates::Create();
    ASSERT_TRUE(made.ok()) << made.status();
    certificates_ = std::move(*made).release();
  }
  static void TearDownTestSuite() {
    delete certificates_;
    certificates_ = nullptr;
  }

  static std::string Made(absl::string_view file) { return certificates_->File(file); }

  // Puts a file in the place that the server reads, in one step.
  void Put(absl::string_view made, absl::string_view place) {
    std::ostringstream text;
    text << std::ifstream(Made(made)).rdbuf();
    test::ReplaceFile(Live(place), text.str());
  }
  std::string Live(absl::string_view place) const { return directory_.File(place); }

  std::vector<std::string> Tls(absl::string_view certificate = "server") {
    Put(absl::StrCat(certificate, ".pem"), "tls.pem");
    Put(absl::StrCat(certificate, ".key"), "tls.key");
    return {"--sqlite-path", Live("a.db"), "--tls-certificate", Live("tls.pem"), "--tls-key", Live("tls.key")};
  }
  std::vector<std::string> MutualTls() {
    std::vector<std::string> arguments = Tls();
    arguments.insert(arguments.end(), {"--tls-client-ca", Made("ca.pem")});
    return arguments;
  }

  void Start(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    auto server = test::TestServer::Create({std::move(arguments), std::move(environment)});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void AwaitLog(absl::string_view text) {
    const auto line = server_->process().WaitForLine(text, kPatience, Subprocess::Stream::kStderr);
    ASSERT_TRUE(line.ok()) << line.status();
  }
  int LinesOfLog(absl::string_view text) {
    const std::string log = server_->process().output(Subprocess::Stream::kStderr);
    int lines = 0;
    for (const absl::string_view line : absl::StrSplit(log, '\n')) lines += absl::StrContains(line, text) ? 1 : 0;
    return lines;
  }

  client::ClientOptions Options(absl::string_view client = "") const {
    const auto tls = client::ReadTls({Made("ca.pem"), client.empty() ? "" : Made(absl::StrCat(client, ".pem")),
                                      client.empty() ? "" : Made(absl::StrCat(client, ".key"))});
    EXPECT_TRUE(tls.ok()) << tls.status();
    client::ClientOptions options;
    options.address = server_->address();
    options.tls = *tls;
    options.tls->server_name = "localhost";
    options.patience = absl::ZeroDuration();
    options.deadline = kPatience;
    return options;
  }
  static absl::Status Ask(const client::ClientOptions& options) {
    return client::Client(options).GetServerInfo().status();
  }
  static std::string Refusal(const client::ClientOptions& options) {
    const absl::Status status = Ask(options);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    return std::string(status.message());
  }

  // What `openssl s_client` says of a handshake.
  Result Handshake(const std::vector<std::string>& options) const {
    std::vector<std::string> argv = {"openssl", "s_client", "-connect", server_->address(), "-servername", "localhost"};
    argv.insert(argv.end(), options.begin(), options.end());
    return RunToEnd(std::move(argv));
  }
  bool Shows(absl::string_view certificate) const {
    return absl::StrContains(Handshake({"-alpn", "h2"}).out, absl::StrCat("CN = authstate test ", certificate, "\n"));
  }

  static test::TestCertificates* certificates_;
  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
};

test::TestCertificates* TlsTest::certificates_ = nullptr;

TEST_F(TlsTest, AStartWithFilesThatCannotServeIsOneLineAndItsCode) {
  const auto expect = [this](const std::string& certificate, const std::string& key, const std::string& ca,
                             const std::string& what) {
    std::vector<std::string> argv = {test::ProgramPath("authstated"),
                                     "--log-level",
                                     "error",
                                     "--sqlite-path",
                                     Live("never.db"),
                                     "--tls-certificate",
                                     certificate,
                                     "--tls-key",
                                     key};
    if (!ca.empty()) argv.insert(argv.end(), {"--tls-client-ca", ca});
    const Result result = RunToEnd(argv);
    EXPECT_EQ(result.code, 8) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_EQ(result.out, "");
  };
  const std::string garbage = Live("garbage");
  test::ReplaceFile(garbage, "neither certificate nor key");
  const std::string server = Made("server.pem");
  const std::string key = Made("server.key");
  expect(Live("missing.pem"), key, "", "--tls-certificate " + Live("missing.pem") + ": cannot be read: No such file");
  expect(server, directory_.path(), "", "--tls-key " + directory_.path() + ": is no regular file");
  expect(garbage, key, "", "--tls-certificate " + garbage + ": holds no certificate in PEM");
  expect(server, garbage, "", "--tls-key " + garbage + ": holds no private key in PEM");
  expect(server, Made("renewed.key"), "", "--tls-key " + Made("renewed.key") + ": does not fit the certificate");
  expect(Made("expired.pem"), Made("expired.key"), "", "expired.pem: has expired on ");
  expect(Made("future.pem"), Made("future.key"), "", "future.pem: is not valid before ");
  expect(Made("nameless.pem"), Made("nameless.key"), "", "nameless.pem: names no host");
  expect(Made("client.pem"), Made("client.key"), "", "client.pem: names no host");
  expect(server, key, garbage, "--tls-client-ca " + garbage + ": holds no certificate in PEM");
  expect(server, key, Made("expired.pem"), "--tls-client-ca " + Made("expired.pem") + ": none of its certificates");
}

TEST_F(TlsTest, PlainTextStaysOnTheMachineUnlessThatIsAllowed) {
  for (const char* const listen : {"0.0.0.0:0", "[::]:0"}) {
    const Result result = RunToEnd({test::ProgramPath("authstated"), "--log-level", "error", "--sqlite-path",
                                    Live("never.db"), "--listen", listen});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr(absl::StrCat("--listen ", listen, ": others than this machine can reach that")));
    EXPECT_THAT(result.err, HasSubstr("--allow-insecure"));
  }
  EXPECT_FALSE(std::ifstream(Live("never.db")).good());
  Start({"--sqlite-path", Live("a.db"), "--listen", "0.0.0.0:0", "--allow-insecure"});
  AwaitLog("serving without encryption");
  std::vector<std::string> arguments = Tls();
  arguments.insert(arguments.end(), {"--listen", "0.0.0.0:0"});
  server_.reset();
  Start(arguments);
  EXPECT_EQ(LinesOfLog("serving without encryption"), 0);
}

TEST_F(TlsTest, EveryClientSpeaksIt) {
  Start(Tls());
  EXPECT_EQ(Ask(Options()), absl::OkStatus());
  const Result cli = RunToEnd({test::ProgramPath("authstatectl"), "server", "info"},
                              {absl::StrCat("AUTHSTATE_ADDRESS=", server_->address()),
                               absl::StrCat("AUTHSTATE_CA=", Made("ca.pem")), "AUTHSTATE_SERVER_NAME=localhost"});
  EXPECT_EQ(cli.code, 0) << cli.err;
  if (!test::MachineCan("command -v grpcurl")) return;
  const Result grpcurl = RunToEnd({"grpcurl", "-cacert", Made("ca.pem"), "-authority", "localhost", server_->address(),
                                   "grpc.health.v1.Health/Check"});
  EXPECT_THAT(grpcurl.out, HasSubstr("SERVING")) << grpcurl.err;
}

TEST_F(TlsTest, MutualTlsLetsInWhoShowsACertificateOfTheAuthority) {
  Start(MutualTls());
  EXPECT_EQ(Ask(Options("client")), absl::OkStatus());
  EXPECT_THAT(Refusal(Options()), HasSubstr("the server wants a certificate of its client, and there is none"));
  EXPECT_THAT(Refusal(Options("other-client")), HasSubstr("the server does not accept the client's certificate"));
  EXPECT_THAT(Refusal(Options("expired-client")), HasSubstr("the server does not accept the client's certificate"));
  const std::vector<std::string> plain = {test::ProgramPath("authstatectl"), "--address", server_->address(),
                                          "--timeout", "1s"};
  std::vector<std::string> argv = plain;
  argv.insert(argv.end(), {"--ca", Made("ca.pem"), "--cert", Made("client.pem"), "--key", Made("client.key"),
                           "--server-name", "localhost", "server", "info"});
  const Result cli = RunToEnd(argv);
  EXPECT_EQ(cli.code, 0) << cli.err;
  argv = plain;
  argv.insert(argv.end(), {"server", "info"});
  const Result refused = RunToEnd(argv);
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.err, HasSubstr("does it want TLS, that is --ca?"));
}

TEST_F(TlsTest, ClientsSayWhatIsWrongWithTheServersCertificate) {
  Start(Tls());
  client::ClientOptions options = Options();
  options.tls->server_name = "elsewhere.test";
  EXPECT_THAT(Refusal(options), HasSubstr("the server's certificate has another name than elsewhere.test"));
  options = Options();
  options.tls->authorities = client::ReadTls({Made("other-ca.pem"), "", ""})->authorities;
  EXPECT_THAT(Refusal(options), HasSubstr("the server's certificate is of an unknown authority"));
  server_.reset();
  Start(Tls("self-signed"));
  EXPECT_THAT(Refusal(Options()), HasSubstr("the server's certificate is self-signed"));
  server_.reset();
  Start({"--sqlite-path", Live("a.db")});
  EXPECT_THAT(Refusal(Options()), HasSubstr("no TLS is spoken there"));
}

TEST_F(TlsTest, ClientsSayThatTheServersCertificateHasExpired) {
  const auto clock = test::FakeClock::Create();
  if (!clock.ok()) GTEST_SKIP() << clock.status();
  // By when it was valid.
  (*clock)->Set("-36h");
  Start(Tls("expired"), (*clock)->environment());
  EXPECT_THAT(Refusal(Options()), HasSubstr("the server's certificate, or that of its authority, has expired"));
}

TEST_F(TlsTest, FilesOfAClientThatDoNotFitAreNamed) {
  const auto wrong = [](const client::TlsFiles& files) {
    return std::string(client::ReadTls(files).status().message());
  };
  EXPECT_THAT(wrong({Live("missing"), "", ""}), HasSubstr(Live("missing") + " cannot be read"));
  EXPECT_THAT(wrong({Made("ca.key"), "", ""}), HasSubstr(Made("ca.key") + " holds no authority in PEM"));
  EXPECT_THAT(wrong({Made("ca.pem"), Made("client.pem"), ""}), HasSubstr("needed together"));
  EXPECT_THAT(wrong({Made("ca.pem"), Made("client.pem"), Made("server.key")}),
              HasSubstr(Made("server.key") + " does not fit " + Made("client.pem")));
}

// Callers that make a connection for each call, and one that keeps its own, until it is destroyed.
class Load {
 public:
  explicit Load(const client::ClientOptions& options) {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this, options] {
        while (!stop_) Count(client::Client(options).GetServerInfo().status());
      });
    }
    threads_.emplace_back([this, options] {
      client::Client kept(options);
      while (!stop_) Count(kept.GetServerInfo().status());
    });
  }
  ~Load() { Stop(); }

  // The errors of all calls.
  std::vector<std::string> Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return errors_;
  }

 private:
  void Count(const absl::Status& status) {
    if (status.ok()) return;
    const absl::MutexLock lock(&mutex_);
    errors_.push_back(status.ToString());
  }

  std::atomic<bool> stop_ = false;
  absl::Mutex mutex_;
  std::vector<std::string> errors_;
  std::vector<std::thread> threads_;
};

TEST_F(TlsTest, FilesThatChangeAreTakenWholeOrNotAtAllWhileCallsGoOn) {
  Start(Tls());
  Load load(Options());
  ASSERT_TRUE(Shows("server"));

  // A certificate whose key has not come yet; then it has.
  Put("renewed.pem", "tls.pem");
  AwaitLog(R"(does not fit the certificate of --tls-certificate","refused_so_far":"1")");
  EXPECT_TRUE(Shows("server"));
  Put("renewed.key", "tls.key");
  AwaitLog("TLS certificate replaced");
  EXPECT_TRUE(Shows("renewed"));

  // The key first, then garbage, a file that is gone, an expired set, and one whose time has not come.
  Put("server.key", "tls.key");
  AwaitLog(R"("refused_so_far":"2")");
  test::ReplaceFile(Live("tls.pem"), "garbage");
  AwaitLog(R"("refused_so_far":"3")");
  ASSERT_EQ(std::remove(Live("tls.pem").c_str()), 0);
  AwaitLog(R"("refused_so_far":"4")");
  Put("expired.key", "tls.key");
  Put("expired.pem", "tls.pem");
  AwaitLog("tls.pem: has expired on");
  EXPECT_TRUE(Shows("renewed"));

  Put("server.key", "tls.key");
  Put("server.pem", "tls.pem");
  server_->process().Signal(SIGHUP);
  AwaitLog(R"("replaced_so_far":"2")");
  EXPECT_TRUE(Shows("server"));
  EXPECT_THAT(load.Stop(), IsEmpty());
}

TEST_F(TlsTest, ASetThatIsBadIsLoggedOnceAndASignalTellsWhatCameOfIt) {
  Start(Tls());
  server_->process().Signal(SIGHUP);
  AwaitLog("the TLS certificate is as it was");
  Put("renewed.pem", "tls.pem");
  AwaitLog(R"("refused_so_far":"1")");
  // Two looks later at the least, as these files had to be seen twice.
  Put("elsewhere.pem", "tls.pem");
  AwaitLog(R"("refused_so_far":"2")");
  EXPECT_EQ(LinesOfLog("new TLS files refused"), 2);
  server_->process().Signal(SIGHUP);
  AwaitLog(R"("refused_so_far":"3")");
}

TEST_F(TlsTest, AClientOfAnAuthorityThatWasReplacedIsNotLetInAnyMore) {
  std::vector<std::string> arguments = Tls();
  Put("ca.pem", "client-ca.pem");
  arguments.insert(arguments.end(), {"--tls-client-ca", Live("client-ca.pem")});
  Start(arguments);
  EXPECT_EQ(Ask(Options("client")), absl::OkStatus());
  Put("other-ca.pem", "client-ca.pem");
  server_->process().Signal(SIGHUP);
  AwaitLog("TLS certificate replaced");
  EXPECT_THAT(Refusal(Options("client")), HasSubstr("does not accept the client's certificate"));
  EXPECT_EQ(Ask(Options("other-client")), absl::OkStatus());
}

TEST_F(TlsTest, ASignalWithoutTlsChangesNothing) {
  Start({"--sqlite-path", Live("a.db")});
  server_->process().Signal(SIGHUP);
  AwaitLog("there is nothing to read anew");
  EXPECT_EQ(server_->Terminate()->code, 0);
}

TEST_F(TlsTest, OldVersionsAndWeakSuitesAreRefused) {
  Start(Tls());
  for (const char* const version : {"-tls1", "-tls1_1"}) {
    EXPECT_NE(Handshake({version, "-alpn", "h2", "-cipher", "ALL:@SECLEVEL=0"}).code, 0) << version;
  }
  for (const char* const suite : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "NULL",
                                  "aNULL", "ECDHE-ECDSA-AES128-CCM8"}) {
    const Result result = Handshake({"-tls1_2", "-alpn", "h2", "-cipher", absl::StrCat(suite, ":@SECLEVEL=0")});
    EXPECT_NE(result.code, 0) << suite << result.out;
  }
  EXPECT_EQ(Handshake({"-tls1_2", "-alpn", "h2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}).code, 0);
  EXPECT_EQ(Handshake({"-tls1_3", "-alpn", "h2"}).code, 0);
}

TEST_F(TlsTest, NothingIsAnsweredToAClientThatNamesNoProtocol) {
  Start(Tls());
  // HTTP/2's preface and empty settings, which every server answers with its own.
  const auto answer = [this](const std::string& alpn) {
    return RunToEnd(
        {"bash", "-c",
         absl::StrCat(R"(exec 3< <(printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0'; sleep 60);)",
                      "openssl s_client -quiet ", alpn, " -connect ", server_->address(),
                      " <&3 2>/dev/null | head -c 9 | wc -c")});
  };
  EXPECT_THAT(answer("-alpn h2").out, HasSubstr("9"));
  EXPECT_EQ(answer("").out, "0\n");
  EXPECT_EQ(answer("-alpn http/1.1").out, "0\n");
}

TEST_F(TlsTest, AConnectionEndsAtItsAgeAndItsCallsGoOnOverTheNext) {
  std::vector<std::string> arguments = Tls();
  arguments.insert(arguments.end(), {"--max-connection-age", "100ms"});
  Start(arguments);
  Load load(Options());
  // A connection without a call ends by itself.
  const Result idle = RunToEnd({"bash", "-c",
                                absl::StrCat("sleep 60 | openssl s_client -quiet -alpn h2 -connect ",
                                             server_->address(), " >/dev/null 2>&1; kill $(jobs -p); true")});
  EXPECT_EQ(idle.code, 0);
  EXPECT_THAT(load.Stop(), IsEmpty());
}

}  // namespace
}  // namespace authstate
