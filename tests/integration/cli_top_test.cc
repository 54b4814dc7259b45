// authstatectl top, against a real authstated, and on a real terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/on_terminal.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);

constexpr char kCtrlC = 3;
// That give a terminal its cursor and its former screen back.
constexpr char kLeaves[] = "\033[?25h\033[?1049l";

class CliTopTest : public testing::Test {
 protected:
  void SetUp() override { Serve("127.0.0.1:0"); }

  void Serve(const std::string& http_listen) {
    auto server = test::TestServer::Create(
        {{"--sqlite-path", directory_.File("authstate.db"), "--http-listen", http_listen}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto line =
        server_->process().WaitForLine("metrics and health over HTTP", kPatience, test::Subprocess::Stream::kStderr);
    ASSERT_TRUE(line.ok()) << line.status();
    http_ = nlohmann::json::parse(*line).value("address", "");
  }
  std::string Url() const { return http_.rfind("unix:", 0) == 0 ? http_ : absl::StrCat("http://", http_); }
  CliResult Top(std::vector<std::string> more) const {
    more.insert(more.begin(), {"top", "--url", Url()});
    return CliRunner(server_->address()).Run(std::move(more));
  }
  std::vector<std::string> Program() const {
    return {test::ProgramPath("authstatectl"), "top", "--url", Url(), "--interval", "100ms"};
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::string http_;
};

TEST_F(CliTopTest, OnceAndIntoAPipeItIsTextWithoutColours) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{"--once"}, {}}) {
    const CliResult result = Top(options);
    EXPECT_EQ(result.code, kOk) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("serving since"), HasSubstr(directory_.File("authstate.db")),
                                  HasSubstr("p99"), Not(HasSubstr("\033"))));
  }
}

TEST_F(CliTopTest, JsonIsWhatTheServerTells) {
  const nlohmann::json status = Top({"--once", "--json"}).OutJson();
  EXPECT_EQ(status["ready"], true);
  EXPECT_EQ(status["address"], server_->address());
  EXPECT_TRUE(status["history"]["p99_ms"].is_array());
}

TEST_F(CliTopTest, AUnixSocketIsAskedToo) {
  server_.reset();
  ASSERT_NO_FATAL_FAILURE(Serve("unix:" + directory_.File("http.sock")));
  EXPECT_THAT(Top({"--once"}).out, HasSubstr("serving since"));
}

TEST_F(CliTopTest, AServerThatIsNotThereIsNamed) {
  ASSERT_TRUE(server_->Kill().ok());
  const CliResult result = Top({"--once"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, AllOf(HasSubstr("no answer from " + http_), HasSubstr("refused")));
  const CliResult no_url = CliRunner(server_->address()).Run({"top", "--url", "127.0.0.1:50080"});
  EXPECT_EQ(no_url.code, kUsage);
  EXPECT_THAT(no_url.err, HasSubstr("http://host:port"));
}

TEST_F(CliTopTest, OnATerminalItIsDrawnAgainAlsoInAnotherSizeUntilCtrlC) {
  OnTerminal top(Program());
  EXPECT_TRUE(top.Await("\033[?1049h\033[?25l")) << top.drawn();
  EXPECT_TRUE(top.Await("serving since"));
  EXPECT_TRUE(top.Await("serving since"));
  EXPECT_THAT(top.drawn(), Not(HasSubstr("lines more")));
  top.Resize(60, 12);
  EXPECT_TRUE(top.Await("lines more"));
  top.Type(kCtrlC);
  EXPECT_EQ(top.Wait(), kOk);
  EXPECT_THAT(top.drawn(), testing::EndsWith(kLeaves));
}

TEST_F(CliTopTest, ALostServerIsToldAndFoundAgain) {
  OnTerminal top(Program());
  ASSERT_TRUE(top.Await("serving since"));
  ASSERT_TRUE(server_->Kill().ok());
  EXPECT_TRUE(top.Await("! no answer from the server")) << top.drawn();
  EXPECT_TRUE(top.Await("serving since")) << "what was known stays";
  ASSERT_NO_FATAL_FAILURE(Serve(http_));
  EXPECT_TRUE(top.Await("\033[H\033[1mauthstate")) << top.drawn();
  top.Signal(SIGTERM);
  EXPECT_EQ(top.Wait(), kOk);
  EXPECT_THAT(top.drawn(), testing::EndsWith(kLeaves));
}

// Whoever waits for an answer that does not come is not kept.
TEST_F(CliTopTest, ASignalEndsItAlsoWhileTheServerHangs) {
  OnTerminal top(Program());
  ASSERT_TRUE(top.Await("serving since"));
  server_->process().Signal(SIGSTOP);
  ASSERT_TRUE(top.Await("! no answer from the server"));
  top.Signal(SIGINT);
  EXPECT_EQ(top.Wait(), kOk);
  server_->process().Signal(SIGCONT);
}

}  // namespace
}  // namespace authstate
