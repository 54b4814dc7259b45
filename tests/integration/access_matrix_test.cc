// Who may call what: every RPC of both services, and every operation of a pipe, as each kind of caller, over each kind
// of connection. The calls are made from the descriptors, so that a new one without a row here fails.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "authstate/v1/admin_service.pb.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "tests/integration/generic_call.h"
#include "tests/integration/granted_rights.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_server.h"
#include "tokens/token.h"

namespace authstate {
namespace {

using google::protobuf::MethodDescriptor;
using test::CallOutcome;
using test::kAdmin;
using test::kRead;
using test::kSteal;
using test::kWrite;
namespace send = test::pipe;

constexpr char kSession[] = "mine";

// The right that an RPC takes; "": the caller has but to be known. Of AdminService each takes `admin`.
const std::map<std::string, std::string> kRightOfRpc = {
    {"GetCreds", "read"},       {"SetCreds", "write"},     {"DeleteCreds", "write"},
    {"GetKeys", "read"},        {"SetKeys", "write"},      {"DeleteKeys", "write"},
    {"Commit", "write"},        {"LoadSession", "read"},   {"ListSessions", "read"},
    {"DeleteSession", "write"}, {"AcquireLease", "write"}, {"RenewLease", "write"},
    {"ReleaseLease", "write"},  {"GetLease", "read"},      {"Pipe", ""},
};
// The right that an operation of a pipe takes.
const std::map<std::string, std::string> kRightOfOperation = {
    {"attach", "write"}, {"detach", "write"}, {"get", "read"}, {"commit", "write"}, {"renew", "write"},
};

const std::map<std::string, storage::Rights> kRights = {
    {"read", kRead}, {"write", kWrite}, {"steal", kSteal}, {"admin", kAdmin}};

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// How callers reach the server.
struct Transport {
  std::string name;
  bool tls = false;
  // The client's certificate, where the server wants one: its file, without the suffix.
  std::string certificate = {};
};

// A server over a store with every kind of grant.
class AccessMatrixTest : public testing::TestWithParam<Transport> {
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

  void SetUp() override {
    Grant();
    std::vector<std::string> arguments = {"--sqlite-path", store_};
    if (GetParam().tls) {
      arguments.insert(arguments.end(), {"--tls-certificate", certificates_->File("server.pem"), "--tls-key",
                                         certificates_->File("server.key")});
    }
    if (!GetParam().certificate.empty()) {
      arguments.insert(arguments.end(), {"--tls-client-ca", certificates_->ca_file()});
    }
    auto server = test::TestServer::Create({std::move(arguments), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = Channel(GetParam().certificate);
  }

  void Grant() {
    const auto rights = test::GrantedRights::InSqlite(store_);
    const std::vector<storage::SessionScope> mine = {{kSession, /*prefix=*/false}};
    const std::vector<storage::SessionScope> others = {{"mine2", /*prefix=*/true}, {"other", /*prefix=*/false}};
    for (const auto& [name, right] : kRights) {
      only_[name] = rights->Token(right, mine);
      all_but_[name] = rights->Token(storage::kAllRights & ~right, mine);
    }
    everything_ = rights->Token(storage::kAllRights, mine);
    elsewhere_ = rights->Token(kRead | kWrite | kSteal, others);
    expired_ = rights->ExpiredToken();
    revoked_ = rights->Token(storage::kAllRights, {{"", /*prefix=*/true}});
    rights->Revoke(revoked_);
    rights->Certificate("DNS:POOL.test", storage::kAllRights, mine);
    rights->Certificate("URI:spiffe://authstate.test/reader", kRead, mine);
  }

  std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(const std::string& certificate) const {
    if (!GetParam().tls) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ContentOf(certificates_->ca_file());
    if (!certificate.empty()) {
      tls.pem_cert_chain = ContentOf(certificates_->File(certificate + ".pem"));
      tls.pem_private_key = ContentOf(certificates_->File(certificate + ".key"));
    }
    return grpc::SslCredentials(tls);
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& certificate) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (GetParam().tls) arguments.SetSslTargetNameOverride("localhost");
    return grpc::CreateCustomChannel(server_->address(), ClientCredentials(certificate), arguments);
  }

  // Every RPC of both services, with the right it takes.
  static std::vector<std::pair<const MethodDescriptor*, std::string>> Rpcs() {
    std::vector<std::pair<const MethodDescriptor*, std::string>> rpcs;
    const auto* const sessions = v1::GetCredsRequest::descriptor()->file()->FindServiceByName("AuthStateService");
    for (int i = 0; i < sessions->method_count(); ++i) {
      const auto row = kRightOfRpc.find(sessions->method(i)->name());
      if (row == kRightOfRpc.end()) {
        ADD_FAILURE() << "no row for " << sessions->method(i)->name();
      } else {
        rpcs.emplace_back(sessions->method(i), row->second);
      }
    }
    EXPECT_EQ(rpcs.size(), kRightOfRpc.size());
    const auto* const admin = v1::GetServerInfoRequest::descriptor()->file()->FindServiceByName("AdminService");
    for (int i = 0; i < admin->method_count(); ++i) rpcs.emplace_back(admin->method(i), "admin");
    return rpcs;
  }

  // A request that names the session, where it has one to name.
  static std::unique_ptr<google::protobuf::Message> RequestOf(const MethodDescriptor& method,
                                                              const std::string& session_id = kSession) {
    std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.input_type())->New());
    const auto* const field = method.input_type()->FindFieldByName("session_id");
    if (field != nullptr) request->GetReflection()->SetString(request.get(), field, session_id);
    return request;
  }

  // The reason of a refusal; `ok` for what is let in, whatever becomes of it then.
  std::string Refusal(const MethodDescriptor& method, const std::string& authorization) const {
    const CallOutcome outcome = test::Call(channel_, method, *RequestOf(method), authorization);
    EXPECT_NE(outcome.code, grpc::StatusCode::UNAVAILABLE) << method.name() << ": " << outcome.message;
    if (outcome.code != grpc::StatusCode::UNAUTHENTICATED && outcome.code != grpc::StatusCode::PERMISSION_DENIED) {
      return "ok";
    }
    const bool mutation = absl::StrContains(kMutations, absl::StrCat(" ", method.name(), " "));
    EXPECT_EQ(outcome.outcome, mutation ? "NOT_APPLIED" : "") << method.name();
    return outcome.reason;
  }

  void ExpectEveryRpc(const std::string& authorization, const std::string& refusal) const {
    for (const auto& [method, right] : Rpcs()) EXPECT_EQ(Refusal(*method, authorization), refusal) << method->name();
  }

  static std::string Bearer(const std::string& token) { return absl::StrCat("Bearer ", token); }

  static constexpr absl::string_view kMutations =
      " SetCreds DeleteCreds SetKeys DeleteKeys Commit DeleteSession AcquireLease RenewLease ReleaseLease "
      "PurgeExpiredKeys AbandonHome CreateToken RotateToken RevokeToken BeginMaintenance EndMaintenance ";

  inline static test::TestCertificates* certificates_ = nullptr;
  test::TempDir directory_;
  const std::string store_ = directory_.File("a.db");
  std::unique_ptr<test::TestServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  // Tokens: with one right on the session, and with all but that.
  std::map<std::string, std::string> only_;
  std::map<std::string, std::string> all_but_;
  std::string everything_;
  std::string elsewhere_;
  std::string expired_;
  std::string revoked_;
};

TEST_P(AccessMatrixTest, WhoIsNotKnownCallsNothing) {
  ExpectEveryRpc("", "NO_TOKEN");
  for (const std::string& malformed : {std::string("Bearer"), std::string("Bearer as_x"), everything_,
                                       "Basic " + everything_, Bearer(everything_ + "a"), "Bearer  " + everything_}) {
    ExpectEveryRpc(malformed, "BAD_TOKEN");
  }
  ExpectEveryRpc(Bearer(tokens::Token::New().Text()), "BAD_TOKEN");
  ExpectEveryRpc(Bearer(tokens::Token::New(tokens::Token::Parse(everything_)->id()).Text()), "BAD_TOKEN");
  ExpectEveryRpc(Bearer(expired_), "TOKEN_EXPIRED");
  ExpectEveryRpc(Bearer(revoked_), "TOKEN_REVOKED");
}

TEST_P(AccessMatrixTest, EachRpcTakesItsRightAndNoOther) {
  for (const auto& [method, right] : Rpcs()) {
    EXPECT_EQ(Refusal(*method, Bearer(everything_)), "ok") << method->name();
    EXPECT_EQ(Refusal(*method, absl::StrCat("bearer ", everything_)), "ok") << method->name();
    for (const auto& [name, token] : only_) {
      EXPECT_EQ(Refusal(*method, Bearer(token)), right.empty() || right == name ? "ok" : "RIGHT_MISSING")
          << method->name() << " with " << name;
    }
    for (const auto& [name, token] : all_but_) {
      EXPECT_EQ(Refusal(*method, Bearer(token)), right == name ? "RIGHT_MISSING" : "ok")
          << method->name() << " without " << name;
    }
  }
}

TEST_P(AccessMatrixTest, RightsOnOtherSessionsAreNoneOnThisOne) {
  for (const auto& [method, right] : Rpcs()) {
    const bool of_a_session = method->input_type()->FindFieldByName("session_id") != nullptr;
    // Who administers does so for all sessions.
    const std::string refusal = right == "admin" ? "RIGHT_MISSING" : of_a_session ? "SESSION_OUT_OF_SCOPE" : "ok";
    EXPECT_EQ(Refusal(*method, Bearer(elsewhere_)), refusal) << method->name();
  }
}

TEST_P(AccessMatrixTest, ASessionThatMayNotBeUsedAnswersAsOneThatIsNotThere) {
  for (const auto& [method, right] : Rpcs()) {
    if (method->input_type()->FindFieldByName("session_id") == nullptr) continue;
    const CallOutcome there = test::Call(channel_, *method, *RequestOf(*method), Bearer(elsewhere_));
    const CallOutcome absent = test::Call(channel_, *method, *RequestOf(*method, "absent"), Bearer(elsewhere_));
    EXPECT_EQ(there.code, grpc::StatusCode::PERMISSION_DENIED) << method->name();
    EXPECT_EQ(absent.code, there.code) << method->name();
    EXPECT_EQ(absent.message, there.message) << method->name();
  }
}

TEST_P(AccessMatrixTest, StealingTakesARightOfItsOwn) {
  const auto* const sessions = v1::GetCredsRequest::descriptor()->file()->FindServiceByName("AuthStateService");
  const MethodDescriptor& acquire = *sessions->FindMethodByName("AcquireLease");
  v1::AcquireLeaseRequest request;
  request.set_session_id(kSession);
  request.set_owner("thief");
  request.mutable_ttl()->set_seconds(60);
  request.set_steal(true);
  EXPECT_EQ(test::Call(channel_, acquire, request, Bearer(all_but_["steal"])).reason, "RIGHT_MISSING");
  EXPECT_EQ(test::Call(channel_, acquire, request, Bearer(only_["steal"])).reason, "RIGHT_MISSING");
  EXPECT_EQ(test::Call(channel_, acquire, request, Bearer(everything_)).code, grpc::StatusCode::OK);
}

// The reason of each operation that a caller sends on one channel, or that of the stream, which was refused.
std::vector<std::string> OutcomesOf(const std::shared_ptr<grpc::Channel>& channel, const std::string& authorization,
                                    const std::vector<v1::PipeOperation>& operations) {
  test::PipeCaller pipe(channel, authorization);
  std::vector<std::string> outcomes;
  for (const v1::PipeResult& result : pipe.Call(send::Message(operations))) {
    outcomes.push_back(result.has_error() ? test::ErrorInfoOf(result.error()).reason() : "ok");
  }
  if (outcomes.empty()) outcomes.push_back(absl::StrCat("stream: ", test::OutcomeOf(pipe.Finish()).reason));
  return outcomes;
}

v1::PipeOperation OperationOf(const std::string& name) {
  if (name == "attach") return send::Attach(0, 2, kSession);
  if (name == "detach") return send::Detach(0, 2, /*release=*/true);
  if (name == "get") return send::Get(0, 2);
  if (name == "commit") return send::Commit(0, 2, 1, "v");
  if (name == "renew") return send::Renew(0, 2);
  ADD_FAILURE() << "no such operation: " << name;
  return {};
}

TEST_P(AccessMatrixTest, EachOperationOfAPipeTakesItsRight) {
  const auto* const operations = v1::PipeOperation::descriptor()->FindOneofByName("operation");
  ASSERT_EQ(operations->field_count(), static_cast<int>(kRightOfOperation.size()));
  for (int i = 0; i < operations->field_count(); ++i) {
    const std::string& name = operations->field(i)->name();
    ASSERT_EQ(kRightOfOperation.count(name), 1U) << name;
    const std::string& right = kRightOfOperation.at(name);
    const v1::PipeOperation operation = OperationOf(name);
    const auto as = [&](const std::string& token) {
      std::vector<v1::PipeOperation> all;
      if (name != "attach") all.push_back(send::Attach(0, 1, kSession));
      all.push_back(operation);
      return OutcomesOf(channel_, token.empty() ? "" : Bearer(token), all);
    };
    using Outcomes = std::vector<std::string>;
    EXPECT_EQ(as(""), Outcomes{"stream: NO_TOKEN"}) << name;
    EXPECT_EQ(as("as_x"), Outcomes{"stream: BAD_TOKEN"}) << name;
    EXPECT_EQ(as(tokens::Token::New().Text()), Outcomes{"stream: BAD_TOKEN"}) << name;
    EXPECT_EQ(as(expired_), Outcomes{"stream: TOKEN_EXPIRED"}) << name;
    EXPECT_EQ(as(revoked_), Outcomes{"stream: TOKEN_REVOKED"}) << name;
    Outcomes valid{"ok", "ok"};
    Outcomes elsewhere{"SESSION_OUT_OF_SCOPE", "NOT_ATTACHED"};
    Outcomes without{"ok", "RIGHT_MISSING"};
    // Who may not write has no session on a channel in the first place.
    if (right == "write") without = {"RIGHT_MISSING", "NOT_ATTACHED"};
    if (name == "attach") {
      valid = {"ok"};
      elsewhere = {"SESSION_OUT_OF_SCOPE"};
      without = {"RIGHT_MISSING"};
    }
    EXPECT_EQ(as(everything_), valid) << name;
    EXPECT_EQ(as(all_but_["steal"]), valid) << name;
    EXPECT_EQ(as(elsewhere_), elsewhere) << name;
    EXPECT_EQ(as(all_but_[right]), without) << name;
  }
}

TEST_P(AccessMatrixTest, StealingOnAPipeTakesARightOfItsOwn) {
  const v1::PipeOperation steal = send::Steal(0, 1, kSession, "thief");
  EXPECT_EQ(OutcomesOf(channel_, Bearer(all_but_["steal"]), {steal}), std::vector<std::string>{"RIGHT_MISSING"});
  EXPECT_EQ(OutcomesOf(channel_, Bearer(only_["steal"]), {steal}), std::vector<std::string>{"RIGHT_MISSING"});
  EXPECT_EQ(OutcomesOf(channel_, Bearer(everything_), {steal}), std::vector<std::string>{"ok"});
}

INSTANTIATE_TEST_SUITE_P(Transports, AccessMatrixTest,
                         testing::Values(Transport{"Loopback"}, Transport{"Tls", true},
                                         // A certificate that lets in, and that nobody has given rights.
                                         Transport{"MutualTls", true, "client"}),
                         [](const auto& info) { return info.param.name; });

// Callers who show no token, and are known by their certificate.
using CertificateAccessTest = AccessMatrixTest;

TEST_P(CertificateAccessTest, ACertificateHasTheRightsOfItsNames) {
  channel_ = Channel("pool");
  ExpectEveryRpc("", "ok");
  EXPECT_EQ(OutcomesOf(channel_, "", {send::Attach(0, 1, kSession), send::Get(0, 2)}),
            (std::vector<std::string>{"ok", "ok"}));
  EXPECT_EQ(OutcomesOf(channel_, "", {send::Attach(0, 1, "other")}), std::vector<std::string>{"SESSION_OUT_OF_SCOPE"});
  channel_ = Channel("reader");
  for (const auto& [method, right] : Rpcs()) {
    EXPECT_EQ(Refusal(*method, ""), right.empty() || right == "read" ? "ok" : "RIGHT_MISSING") << method->name();
  }
}

TEST_P(CertificateAccessTest, ACertificateOfAnotherNameHasNone) {
  channel_ = Channel("stranger");
  ExpectEveryRpc("", "CERTIFICATE_UNKNOWN");
}

TEST_P(CertificateAccessTest, ATokenCountsAloneWhateverTheCertificate) {
  channel_ = Channel("pool");
  ExpectEveryRpc(Bearer(tokens::Token::New().Text()), "BAD_TOKEN");
  ExpectEveryRpc(Bearer(revoked_), "TOKEN_REVOKED");
  for (const auto& [method, right] : Rpcs()) {
    EXPECT_EQ(Refusal(*method, Bearer(only_["read"])), right.empty() || right == "read" ? "ok" : "RIGHT_MISSING")
        << method->name();
  }
}

INSTANTIATE_TEST_SUITE_P(Transports, CertificateAccessTest, testing::Values(Transport{"MutualTls", true, "pool"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace authstate
