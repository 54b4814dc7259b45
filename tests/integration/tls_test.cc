// TLS on the port of authstated: what it starts with, and what it shows when its files change.
#include "tests/integration/tls_test.h"

#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

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
  expect(Made("no-server.pem"), Made("no-server.key"), "", "no-server.pem: is not for servers (key usage)");
  expect(Made("unvouched.pem"), key, "", "unvouched.pem: the first certificate in it is signed by none of the others");
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
  arguments.insert(arguments.end(), {"--listen", "0.0.0.0:0", "--allow-insecure"});
  server_.reset();
  Start(arguments);
  EXPECT_EQ(LinesOfLog("serving without encryption"), 0);
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
    const absl::MutexLock lock(&mutex_);
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
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);
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

// The types of the frames that a server sends until it ends the connection.
std::string FramesTo(const std::string& address, const std::string& protocol) {
  return RunToEnd({"python3", AUTHSTATE_TLS_PEER, address, protocol}).out;
}

TEST_F(TlsTest, NothingIsAnsweredToAClientThatDoesNotNameHttp2) {
  Start(Tls());
  EXPECT_EQ(FramesTo(server_->address(), ""), "\n");
  EXPECT_EQ(FramesTo(server_->address(), "http/1.1"), "\n");
}

TEST_F(TlsTest, AFloodIsEndedAsWithoutTls) {
  Start(Tls());
  EXPECT_EQ(RunToEnd({"python3", AUTHSTATE_TLS_PEER, server_->address(), "h2", "--flood"}).code, 0);
  // Resets are counted, or streams that wait to be reset, by how far the server has come.
  AwaitLog("it floods the server");
  EXPECT_EQ(Ask(Options()), absl::OkStatus());
}

TEST_F(TlsTest, AConnectionEndsAtItsAgeAndCallsGoOnOverTheNext) {
  std::vector<std::string> arguments = Tls();
  arguments.insert(arguments.end(), {"--max-connection-age", "100ms"});
  Start(arguments);
  Load load(Options());
  // Settings first; the goodbye is the type 7.
  EXPECT_THAT(FramesTo(server_->address(), "h2"), MatchesRegex("4 .*7.*\n"));
  EXPECT_THAT(load.Stop(), IsEmpty());
}

}  // namespace
}  // namespace authstate
