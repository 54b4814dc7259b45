// Who gets through to an authstated with TLS: its clients, what they say where they do not, and which ways of speaking
// TLS.
#include <gmock/gmock.h>

#include "tests/integration/tls_test.h"
#include "tests/support/machine.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;

// authstatectl, with these options, asks the server once.
Result Ctl(const test::TestServer& server, const std::string& options) {
  return RunToEnd({"bash", "-c",
                   absl::StrCat(test::ProgramPath("authstatectl"), " --address ", server.address(), " --timeout 60s ",
                                options, " server info")});
}

// What it says of a server whose certificate it does not take.
std::string CtlRefusal(const test::TestServer& server, const std::string& ca, const std::string& name = "localhost") {
  const Result refused = Ctl(server, absl::StrCat("--server-name ", name, " --ca ", ca));
  EXPECT_EQ(refused.code, 5) << refused.err;
  return refused.err;
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
  const std::string server = absl::StrCat("--server-name localhost --ca ", Made("ca.pem"));
  const auto showing = [&server](const std::string& name) {
    return absl::StrCat(server, " --cert ", Made(name + ".pem"), " --key ", Made(name + ".key"));
  };
  const Result let_in = Ctl(*server_, showing("client"));
  EXPECT_EQ(let_in.code, 0) << let_in.err;
  for (const auto& [options, what] : std::vector<std::pair<std::string, std::string>>{
           {"", "does it want TLS, that is --ca?"},
           {server, "the server wants a certificate of its client, and there is none"},
           {showing("other-client"), "the server does not accept the client's certificate"},
           {showing("expired-client"), "the server does not accept the client's certificate"}}) {
    const Result refused = Ctl(*server_, options);
    EXPECT_EQ(refused.code, 5);
    EXPECT_THAT(refused.err, HasSubstr(what));
  }
}

TEST_F(TlsTest, ClientsSayWhatIsWrongWithTheServersCertificate) {
  Start(Tls());
  client::ClientOptions options = Options();
  options.tls->server_name = "elsewhere.test";
  const char* const other_name = "the server's certificate has another name than elsewhere.test";
  EXPECT_THAT(Refusal(options), HasSubstr(other_name));
  EXPECT_THAT(CtlRefusal(*server_, Made("ca.pem"), "elsewhere.test"), HasSubstr(other_name));
  options = Options();
  options.tls->authorities = client::ReadTls({Made("other-ca.pem"), "", ""})->authorities;
  EXPECT_THAT(Refusal(options), HasSubstr("the server's certificate is of an unknown authority"));
  EXPECT_THAT(CtlRefusal(*server_, Made("other-ca.pem")),
              HasSubstr("the server's certificate is of an unknown authority"));
  server_.reset();
  Start(Tls("self-signed"));
  EXPECT_THAT(Refusal(Options()), HasSubstr("the server's certificate is self-signed"));
  EXPECT_THAT(CtlRefusal(*server_, Made("ca.pem")), HasSubstr("the server's certificate is self-signed"));
  server_.reset();
  Start({"--sqlite-path", Live("a.db")});
  EXPECT_THAT(Refusal(Options()), HasSubstr("no TLS is spoken there"));
}

TEST_F(TlsTest, ClientsSayThatTheServersCertificateHasExpired) {
  const auto clock = test::FakeClock::Create();
  ASSERT_TRUE(clock.ok()) << clock.status();
  // By when it was valid.
  (*clock)->Set("-36h");
  Start(Tls("expired"), (*clock)->environment());
  const char* const expired = "the server's certificate, or that of its authority, has expired";
  EXPECT_THAT(Refusal(Options()), HasSubstr(expired));
  EXPECT_THAT(CtlRefusal(*server_, Made("ca.pem")), HasSubstr(expired));
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

}  // namespace
}  // namespace authstate
