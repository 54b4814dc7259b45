#ifndef AUTHSTATE_TESTS_INTEGRATION_CLI_TEST_H_
#define AUTHSTATE_TESTS_INTEGRATION_CLI_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {

// A real authstated on an SQLite file, and authstatectl pointed at it.
class CliTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = test::TestServer::Create({{"--sqlite-path", directory_.File("authstate.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    cli_ = std::make_unique<CliRunner>(server_->address());
  }

  CliResult Run(std::vector<std::string> arguments, const std::vector<std::string>& more = {}) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cli_->Run(std::move(arguments));
  }
  void MustRun(std::vector<std::string> arguments) {
    const CliResult result = Run(std::move(arguments));
    ASSERT_EQ(result.code, kOk) << result.err;
  }
  nlohmann::json Sessions() { return Run({"session", "list", "--json"}).OutJson()["sessions"]; }
  nlohmann::json Lease(const std::string& session_id) { return Run({"lease", "show", session_id, "--json"}).OutJson(); }
  // Makes `owner` the session's, whoever has it; returns its fence.
  std::uint64_t Acquire(const std::string& session_id, const std::string& owner) {
    const CliResult acquired =
        Run({"lease", "acquire", session_id, "--owner", owner, "--ttl", "1h", "--steal", "--json"});
    EXPECT_EQ(acquired.code, kOk) << acquired.err;
    return acquired.OutJson().value("fence", std::uint64_t{0});
  }

  // In the server's file, behind its back.
  void Sql(const std::string& sql) {
    auto shell = test::Subprocess::Start({{"sqlite3", directory_.File("authstate.db"), sql}, {}});
    ASSERT_TRUE(shell.ok()) << shell.status();
    const auto exit = (*shell)->Wait(absl::Seconds(30));
    ASSERT_TRUE(exit.ok()) << exit.status();
    ASSERT_EQ(exit->code, 0) << (*shell)->output(test::Subprocess::Stream::kStderr);
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<CliRunner> cli_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_CLI_TEST_H_
