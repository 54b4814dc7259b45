// The audit log of a real authstated: what it holds of calls and of operations of a pipe, and what it makes of a file
// that takes no lines.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr char kSecret[] = "tops3cret";

class AuditTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_); }

  void Start(const std::string& mode, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "--sqlite-path", directory_.File("authstate.db"), "--audit", mode, "--audit-file", file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto server = TestServer::Create({std::move(arguments), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  // From then on callers have to show one.
  std::string MakeToken() {
    const CliResult made = CliRunner("").Bash(
        absl::StrCat("authstatectl token create --quiet --read --write --all-sessions --sqlite-path ",
                     directory_.File("authstate.db")));
    EXPECT_EQ(made.code, kOk) << made.err;
    return std::string(absl::StripAsciiWhitespace(made.out));
  }

  grpc::Status SetCreds(const std::string& session_id, const std::string& token = "") {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::SetCredsRequest request;
    request.set_session_id(session_id);
    request.mutable_creds()->set_json(absl::StrCat(R"({"secret":")", kSecret, R"("})"));
    v1::SetCredsResponse response;
    return stub_->SetCreds(&context, request, &response);
  }

  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  // `Commit bot-1 OK`, in the order of the file.
  static std::vector<std::string> Told(const std::string& path) {
    std::vector<std::string> told;
    for (const nlohmann::json& line : Lines(path)) {
      told.push_back(absl::StrCat(line.value("method", ""), " ", line.value("session_id", "-"), " ",
                                  line.value("reason", line.value("outcome", ""))));
    }
    return told;
  }
  static void Await(const std::function<bool()>& condition) {
    for (const absl::Time end = absl::Now() + absl::Seconds(60); !condition() && absl::Now() < end;) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    ASSERT_TRUE(condition());
  }

  const TempDir directory_;
  const std::string folder_ = directory_.File("audit");
  const std::string file_ = folder_ + "/audit.jsonl";
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

TEST_F(AuditTest, EveryCallLeavesALineAndNoValue) {
  const std::string token = MakeToken();
  ASSERT_NO_FATAL_FAILURE(Start("on"));
  EXPECT_TRUE(SetCreds("bot-1", token).ok());
  EXPECT_FALSE(SetCreds(absl::StrCat("no session id ", kSecret), token).ok());
  EXPECT_FALSE(SetCreds("bot-1", absl::StrCat("as_", kSecret)).ok());
  ASSERT_TRUE(server_->Terminate().ok());
  EXPECT_THAT(Told(file_), ElementsAre("SetCreds bot-1 OK", "SetCreds - INVALID_ARGUMENT", "SetCreds - BAD_TOKEN"));
  const std::vector<std::string> parts = absl::StrSplit(token, '_');
  EXPECT_EQ(Lines(file_).front().value("caller", ""), parts[1]);
  for (const nlohmann::json& line : Lines(file_)) {
    EXPECT_THAT(line.value("peer", ""), HasSubstr("127.0.0.1"));
    EXPECT_NE(line.value("request_id", ""), "");
    EXPECT_THAT(line.dump(), AllOf(Not(HasSubstr(kSecret)), Not(HasSubstr(parts[2]))));
  }
}

TEST_F(AuditTest, WhatIsDoneToATokenNamesIt) {
  ASSERT_NO_FATAL_FAILURE(Start("on"));
  const CliRunner cli(server_->address());
  const CliResult made = cli.Run({"token", "create", "--admin", "--quiet"});
  ASSERT_EQ(made.code, kOk) << made.err;
  const std::string token(absl::StripAsciiWhitespace(made.out));
  const std::vector<std::string> parts = absl::StrSplit(token, '_');
  EXPECT_EQ(cli.Run({"token", "show", parts[1], "--token", token}).code, kOk);
  EXPECT_EQ(cli.Run({"token", "show", std::string(16, 'a'), "--token", token}).code, kNotFound);
  EXPECT_EQ(cli.Run({"token", "revoke", parts[1], "--token", token}).code, kOk);
  ASSERT_TRUE(server_->Terminate().ok());
  std::vector<std::string> told;
  for (const nlohmann::json& line : Lines(file_)) {
    told.push_back(absl::StrCat(line.value("method", ""), " ", line.value("token_id", "-")));
    EXPECT_THAT(line.dump(), Not(HasSubstr(parts[2])));
  }
  EXPECT_THAT(told, ElementsAre("CreateToken " + parts[1], "GetToken " + parts[1], "GetToken aaaaaaaaaaaaaaaa",
                                "RevokeToken " + parts[1]));
}

TEST_F(AuditTest, ATokenOverMutualTlsIsRecordedWithTheCertificate) {
  const auto certificates = TestCertificates::Create();
  ASSERT_TRUE(certificates.ok()) << certificates.status();
  const auto made = [&](const char* name) { return (*certificates)->File(name); };
  const std::string token = MakeToken();
  ASSERT_NO_FATAL_FAILURE(Start("on", {"--tls-certificate", made("server.pem"), "--tls-key", made("server.key"),
                                       "--tls-client-ca", made("ca.pem")}));
  const std::vector<std::string> tls = {"--ca",  made("ca.pem"),   "--cert",        made("pool.pem"),
                                        "--key", made("pool.key"), "--server-name", "localhost"};
  std::vector<std::string> with_token = {"session", "list", "--token", token};
  with_token.insert(with_token.end(), tls.begin(), tls.end());
  std::vector<std::string> without = {"session", "list"};
  without.insert(without.end(), tls.begin(), tls.end());
  const CliRunner cli(server_->address());
  const CliResult listed = cli.Run(with_token);
  EXPECT_EQ(listed.code, kOk) << listed.err;
  EXPECT_NE(cli.Run(without).code, kOk) << "the certificate has no rights";
  ASSERT_TRUE(server_->Terminate().ok());
  const std::vector<std::string> parts = absl::StrSplit(token, '_');
  std::vector<std::string> told;
  for (const nlohmann::json& line : Lines(file_)) {
    told.push_back(absl::StrCat(line.value("caller", ""), " ", line.value("certificate", "")));
  }
  EXPECT_THAT(told, ElementsAre(parts[1] + " DNS:pool.test", "DNS:pool.test DNS:pool.test"));
}

TEST_F(AuditTest, EveryOperationOfAPipeLeavesALine) {
  ASSERT_NO_FATAL_FAILURE(Start("on"));
  {
    PipeCaller caller(server_->address());
    caller.Call(pipe::Message({pipe::Attach(1, 1, "bot-1"), pipe::Commit(1, 2, 1, "a"), pipe::Get(1, 3),
                               pipe::Commit(1, 4, 9, "b"), pipe::Detach(1, 5)}));
    caller.DoneSending();
    EXPECT_TRUE(caller.Finish().ok());
  }
  ASSERT_TRUE(server_->Terminate().ok());
  EXPECT_THAT(Told(file_), UnorderedElementsAre("Pipe.attach bot-1 OK", "Pipe.commit bot-1 OK", "Pipe.get bot-1 OK",
                                                "Pipe.commit bot-1 NUMBER_GAP", "Pipe.detach bot-1 OK", "Pipe - OK"));
}

TEST_F(AuditTest, ARenamedFileIsFollowedByANewOneOnSighup) {
  ASSERT_NO_FATAL_FAILURE(Start("on"));
  ASSERT_TRUE(SetCreds("before").ok());
  Await([&] { return !Lines(file_).empty(); });
  fs::rename(file_, file_ + ".1");
  server_->process().Signal(SIGHUP);
  Await([&] { return fs::exists(file_); });
  ASSERT_TRUE(SetCreds("after").ok());
  ASSERT_TRUE(server_->Terminate().ok());
  EXPECT_THAT(Told(file_ + ".1"), ElementsAre("SetCreds before OK"));
  EXPECT_THAT(Told(file_), ElementsAre("SetCreds after OK"));
}

// No line fits the folder while it is away.
class UnwritableAuditTest : public AuditTest {
 protected:
  void TakeAway() {
    fs::rename(folder_, folder_ + ".away");
    server_->process().Signal(SIGHUP);
  }
  void GiveBack() { fs::rename(folder_ + ".away", folder_); }
};

TEST_F(UnwritableAuditTest, RequiredRecordsRefuseCallsUntilTheyCanBeWritten) {
  ASSERT_NO_FATAL_FAILURE(Start("required"));
  PipeCaller caller(server_->address());
  caller.Call(pipe::Message({pipe::Attach(1, 1, "bot-1")}));
  TakeAway();
  int done = 0;
  grpc::Status refused;
  Await([&] {
    refused = SetCreds("bot-2");
    done += refused.ok() ? 1 : 0;
    return !refused.ok();
  });
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE) << refused.error_message();
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "AUDIT_UNAVAILABLE");
  const auto answers = caller.Call(pipe::Message({pipe::Commit(1, 2, 1, "a")}));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(ErrorInfoOf(answers[0].error()).reason(), "AUDIT_UNAVAILABLE") << answers[0].ShortDebugString();
  GiveBack();
  Await([&] { return SetCreds("bot-3").ok(); });
  EXPECT_FALSE(caller.Call(pipe::Message({pipe::Commit(1, 3, 1, "a")})).front().has_error());
  ASSERT_TRUE(server_->Terminate().ok());
  // What was acknowledged is there, though it was done while the file was away; what was refused is not.
  const std::vector<std::string> told = Told(file_);
  EXPECT_THAT(told, Contains("SetCreds bot-2 OK").Times(done));
  EXPECT_THAT(told, Contains("SetCreds bot-3 OK"));
  EXPECT_THAT(told, Contains("Pipe.commit bot-1 OK").Times(1));
  EXPECT_THAT(told, Not(Contains(HasSubstr("AUDIT_UNAVAILABLE"))));
}

TEST_F(UnwritableAuditTest, AFileThatCannotBeOpenedEndsTheStart) {
  const auto process =
      Subprocess::Start({{ProgramPath("authstated"), "--sqlite-path", directory_.File("authstate.db"), "--listen",
                          "127.0.0.1:0", "--audit", "on", "--audit-file", directory_.File("no/such/folder")},
                         {}});
  ASSERT_TRUE(process.ok()) << process.status();
  const auto exit = (*process)->Wait(absl::Minutes(1));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 11);
  EXPECT_THAT((*process)->output(Subprocess::Stream::kStderr), HasSubstr("--audit-file"));
}

}  // namespace
}  // namespace authstate::test
