#ifndef AUTHSTATE_TESTS_INTEGRATION_TLS_TEST_H_
#define AUTHSTATE_TESTS_INTEGRATION_TLS_TEST_H_

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/tls.h"
#include "tests/support/fake_clock.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_server.h"

namespace authstate {

// Far more than anything takes here, also on a busy machine.
inline constexpr absl::Duration kTlsPatience = absl::Seconds(60);

// What a program did.
struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

inline Result RunToEnd(std::vector<std::string> argv, std::vector<std::string> environment = {}) {
  auto process = test::Subprocess::Start({std::move(argv), std::move(environment)});
  EXPECT_TRUE(process.ok()) << process.status();
  if (!process.ok()) return {};
  const auto exit = (*process)->Wait(kTlsPatience);
  EXPECT_TRUE(exit.ok()) << exit.status();
  return {exit.ok() ? exit->code.value_or(-1) : -1, (*process)->output(test::Subprocess::Stream::kStdout),
          (*process)->output(test::Subprocess::Stream::kStderr)};
}

// An authstated with certificates of its own, in files that a test may replace, and clients of it.
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
    const auto line = server_->process().WaitForLine(text, kTlsPatience, test::Subprocess::Stream::kStderr);
    ASSERT_TRUE(line.ok()) << line.status();
  }
  int LinesOfLog(absl::string_view text) {
    const std::vector<std::string> between =
        absl::StrSplit(server_->process().output(test::Subprocess::Stream::kStderr), text);
    return static_cast<int>(between.size()) - 1;
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
    options.deadline = kTlsPatience;
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
    return absl::StrContains(Handshake({"-alpn", "h2"}).out, absl::StrCat("authstate test ", certificate, "\n"));
  }

  inline static test::TestCertificates* certificates_ = nullptr;
  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_TLS_TEST_H_
