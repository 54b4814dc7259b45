// An operator's look inside: a real grpcurl against a running authstated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

struct Output {
  int exit_code = -1;
  std::string text;
  std::string error;
};

class GrpcurlTest : public testing::Test {
 protected:
  void SetUp() override {
    auto version = Subprocess::Start({{"grpcurl", "-version"}, {}});
    if (!version.ok()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "CI requires grpcurl; ./dev deps installs it";
      GTEST_SKIP() << "no grpcurl in PATH; ./dev deps installs it where Go modules can be had";
    }
    auto server = test::TestServer::Create({{"--sqlite-path", directory_.File("authstate.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  Output Grpcurl(std::vector<std::string> flags, const std::vector<std::string>& what) {
    std::vector<std::string> argv = {"grpcurl", "-plaintext"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.push_back(server_->address());
    argv.insert(argv.end(), what.begin(), what.end());
    auto process = Subprocess::Start({argv, {}});
    EXPECT_TRUE(process.ok()) << process.status();
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    return {exit->code.value_or(-1), (*process)->output(Subprocess::Stream::kStdout),
            (*process)->output(Subprocess::Stream::kStderr)};
  }

  // Calls a method of the store with a JSON request and returns the JSON response.
  nlohmann::json Call(const std::string& method, const std::string& request) {
    const Output output = Grpcurl({"-d", request}, {absl::StrCat("authstate.v1.AuthStateService/", method)});
    EXPECT_EQ(output.exit_code, 0) << output.error;
    return nlohmann::json::parse(output.text, nullptr, /*allow_exceptions=*/false);
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
};

TEST_F(GrpcurlTest, ListsTheServices) {
  const Output output = Grpcurl({}, {"list"});
  EXPECT_EQ(output.exit_code, 0) << output.error;
  for (const char* service : {"authstate.v1.AuthStateService", "authstate.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(output.text, HasSubstr(service));
  }
}

TEST_F(GrpcurlTest, DescribesTheContract) {
  EXPECT_THAT(Grpcurl({}, {"describe", "authstate.v1.AuthStateService"}).text, HasSubstr("rpc Commit"));
  EXPECT_THAT(Grpcurl({}, {"describe", "authstate.v1.CommitRequest"}).text, HasSubstr("uint64 expected_revision"));
}

TEST_F(GrpcurlTest, AsksForHealthAndServerInfo) {
  EXPECT_THAT(Grpcurl({}, {"grpc.health.v1.Health/Check"}).text, HasSubstr("SERVING"));
  EXPECT_THAT(Grpcurl({}, {"authstate.v1.AdminService/GetServerInfo"}).text, HasSubstr("\"backend\": \"sqlite\""));
}

// A command of docs/cli.md, and what it shows as the answer.
struct Example {
  std::string command;
  std::string answer;
};

std::vector<Example> ExamplesOfThePage() {
  std::ifstream page(AUTHSTATE_GRPCURL_PAGE);
  std::string line;
  while (std::getline(page, line) && line != "## With grpcurl") continue;
  while (std::getline(page, line) && line != "```console") continue;
  std::vector<Example> examples;
  bool continued = false;
  while (std::getline(page, line) && line != "```") {
    const bool begins = absl::StartsWith(line, "$ ");
    if (begins) examples.push_back({line.substr(2), ""});
    if (examples.empty()) continue;
    if (continued) absl::StrAppend(&examples.back().command, "\n", line);
    if (!begins && !continued) absl::StrAppend(&examples.back().answer, line, "\n");
    continued = (begins || continued) && absl::EndsWith(line, "\\");
  }
  return examples;
}

TEST_F(GrpcurlTest, RunsTheExamplesOfThePage) {
  const std::vector<Example> examples = ExamplesOfThePage();
  ASSERT_GE(examples.size(), 5U);
  for (const auto& [command, answer] : examples) {
    SCOPED_TRACE(command);
    auto process =
        Subprocess::Start({{"sh", "-c", absl::StrReplaceAll(command, {{"127.0.0.1:50051", server_->address()}})}, {}});
    ASSERT_TRUE(process.ok()) << process.status();
    const auto exit = (*process)->Wait(kPatience);
    ASSERT_TRUE(exit.ok()) << exit.status();
    ASSERT_EQ(exit->code.value_or(-1), 0) << (*process)->output(Subprocess::Stream::kStderr);
    const std::string output = (*process)->output(Subprocess::Stream::kStdout);
    const std::string shown(absl::StripAsciiWhitespace(answer));
    // The page leaves a long answer out.
    if (shown.empty()) continue;
    if (shown.front() == '{') {
      EXPECT_EQ(nlohmann::json::parse(output, nullptr, /*allow_exceptions=*/false), nlohmann::json::parse(shown));
    } else {
      EXPECT_EQ(absl::StripAsciiWhitespace(output), shown);
    }
  }
}

TEST_F(GrpcurlTest, WritesAndReadsCredsAndKeys) {
  EXPECT_EQ(Call("SetCreds", R"({"session_id":"962302","creds":{"json":"{\"registered\": true}"}})")["revision"], "1");
  EXPECT_EQ(Call("GetCreds", R"({"session_id":"962302"})")["creds"]["json"], R"({"registered":true})");
  EXPECT_EQ(Call("Commit", R"({"session_id":"962302","expected_revision":1,"sets":[
      {"key":{"type":"pre-key","id":"1"},"value":{"json":"{\"public\":{\"type\":\"Buffer\",\"data\":[1,2]}}"}},
      {"key":{"type":"identity-key","id":"u.0"},"value":{"raw":"BQEC"}}]})")["revision"],
            "2");
  const nlohmann::json keys = Call(
      "GetKeys",
      R"({"session_id":"962302","keys":[{"type":"pre-key","ids":["1","2"]},{"type":"identity-key","ids":["u.0"]}]})");
  EXPECT_EQ(keys["found"][0]["value"]["json"], R"({"public":{"type":"Buffer","data":"AQI="}})");
  EXPECT_EQ(keys["found"][1]["value"]["raw"], "BQEC");
  EXPECT_EQ(keys["absent"][0]["id"], "2");
  EXPECT_EQ(keys["revision"], "2");
}

// A field of two words, which versions of grpcurl spell in one way or the other; empty when it is not there.
std::string Field(const nlohmann::json& message, const char* spelled, const char* in_json) {
  return message.value(spelled, message.value(in_json, ""));
}

TEST_F(GrpcurlTest, ListsByStateAndLoadsKeysWithoutTheirValues) {
  Call("Commit",
       R"({"session_id":"a","creds":{"json":"{\"me\":{\"id\":\"55:1@s.whatsapp.net\"},\"account\":{}}"},"sets":[
      {"key":{"type":"pre-key","id":"1"},"value":{"json":"{}"}},
      {"key":{"type":"session","id":"u.0"},"value":{"json":"{}"}}]})");
  Call("SetKeys", R"({"session_id":"b","keys":[{"key":{"type":"pre-key","id":"1"},"value":{"json":"{}"}}]})");

  nlohmann::json paired = Call("ListSessions", R"({"states":["SESSION_STATE_PAIRED"],"with_size":true})");
  ASSERT_EQ(paired["sessions"].size(), 1U) << paired;
  EXPECT_EQ(Field(paired["sessions"][0], "session_id", "sessionId"), "a");
  EXPECT_EQ(paired["sessions"][0]["state"], "SESSION_STATE_PAIRED");
  EXPECT_NE(Field(paired["sessions"][0], "stored_bytes", "storedBytes"), "");
  EXPECT_EQ(Field(Call("ListSessions", R"({"has_creds":false})")["sessions"][0], "session_id", "sessionId"), "b");
  EXPECT_FALSE(Call("ListSessions", R"({"unwritten_for":"3600s"})").contains("sessions"));

  nlohmann::json page =
      Call("LoadSession", R"({"session_id":"a","types":["session"],"without_creds":true,"without_values":true})");
  EXPECT_FALSE(page.contains("creds") || page.contains("keys")) << page;
  ASSERT_EQ(page["summaries"].size(), 1U) << page;
  EXPECT_EQ(page["summaries"][0]["key"]["id"], "u.0");
  EXPECT_TRUE(page.contains("knows_fields_up_to") || page.contains("knowsFieldsUpTo")) << page;
  EXPECT_NE(Field(page["summaries"][0], "stored_bytes", "storedBytes"), "");
  EXPECT_NE(Field(page["summaries"][0], "change_time", "changeTime"), "");
  EXPECT_FALSE(Call("LoadSession", R"({"session_id":"a","unchanged_for":"3600s"})").contains("keys"));
}

TEST_F(GrpcurlTest, ShowsErrorsWithTheirDetails) {
  const Output output = Grpcurl({"-d", R"({"session_id":"nobody"})"}, {"authstate.v1.AuthStateService/GetCreds"});
  EXPECT_NE(output.exit_code, 0);
  EXPECT_THAT(output.error, HasSubstr("NotFound"));
  EXPECT_THAT(output.error, HasSubstr("NO_CREDS"));
}

}  // namespace
}  // namespace authstate
