// authstatectl over the legacy tables: what other programs leave there that no client of ours would write.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CliLegacyTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    const absl::Status made = test::CreateLegacyTables(url(), test::LegacyTables::kPlain);
    ASSERT_TRUE(made.ok()) << made;
    auto server = test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + url(), "--layout=legacy"}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    cli_ = std::make_unique<CliRunner>(server_->address());
  }

  CliResult Run(std::vector<std::string> arguments) { return cli_->Run(std::move(arguments)); }
  void Creds(const std::string& company_id, const std::string& creds) {
    Sql(absl::StrCat("INSERT INTO whatsapp_auth (company_id, creds) VALUES ($id$", company_id, "$id$, $creds$", creds,
                     "$creds$)"));
  }
  void Key(const std::string& company_id, const std::string& id, const std::string& value) {
    Sql(absl::StrCat("INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ($id$", company_id,
                     "$id$, 'pre-key', $id$", id, "$id$, $value$", value, "$value$)"));
  }

  test::TempDir directory_;
  const std::string exported_ = directory_.File("exported");
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<CliRunner> cli_;
};

TEST_F(CliLegacyTest, IdsThatNoCommandCanNameAreToldApartFromTheSessions) {
  Creds("demo", "{}");
  Creds("tenant one", "{}");
  Key("café", "1", "{}");
  const CliResult listed = Run({"session", "list", "--quiet"});
  EXPECT_EQ(listed.code, kOk);
  EXPECT_EQ(listed.out, "demo\n");
  EXPECT_THAT(listed.err,
              AllOf(HasSubstr("warning: 2 sessions"), HasSubstr("café, tenant one"), HasSubstr("company_id")));
  const nlohmann::json json = Run({"session", "list", "--json"}).OutJson();
  EXPECT_EQ(json["sessions"].size(), 1U);
  EXPECT_THAT(json["unaddressable_ids"], ElementsAre("café", "tenant one"));
  // Named by somebody all the same, it is refused by what is wrong with it.
  const CliResult deleted = Run({"session", "delete", "tenant one", "--yes"});
  EXPECT_EQ(deleted.code, kRefused);
  EXPECT_THAT(deleted.err, HasSubstr("outside [A-Za-z0-9._:@-]"));
}

TEST_F(CliLegacyTest, PagesGoPastIdsThatNoCommandCanName) {
  for (const std::string id : {"a", "b c", "b d", "f"}) Creds(id, "{}");
  Creds(std::string(200, 'e'), "{}");
  const auto stub =
      v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  v1::ListSessionsRequest request;
  request.set_page_size(1);
  std::vector<std::string> sessions;
  std::vector<std::string> others;
  do {
    grpc::ClientContext context;
    v1::ListSessionsResponse response;
    const grpc::Status status = stub->ListSessions(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const auto& session : response.sessions()) sessions.push_back(session.session_id());
    for (const auto& id : response.unaddressable_ids()) others.push_back(id);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sessions, ElementsAre("a", "f"));
  EXPECT_THAT(others, ElementsAre("b c", "b d", std::string(128, 'e')));
}

TEST_F(CliLegacyTest, KeysThatHoldNullAreLeftOutOfTheExportAndSaid) {
  Creds("demo", test::WorkingCreds());
  Key("demo", "1", "null");
  Key("demo", "2", "{}");
  const CliResult exported = Run({"session", "export", "demo", exported_});
  ASSERT_EQ(exported.code, kOk) << exported.err;
  EXPECT_THAT(exported.err, HasSubstr("warning: 1 key of session demo left out"));
  EXPECT_FALSE(fs::exists(exported_ + "/pre-key-1.json"));
  const CliResult imported = Run({"session", "import", "copy", exported_});
  EXPECT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("imported creds and 1 key "));
}

TEST_F(CliLegacyTest, CredsThatWereEncodedTwiceAreSaidAndComeBackAsCreds) {
  Creds("demo", nlohmann::json(test::WorkingCreds()).dump());
  const CliResult exported = Run({"session", "export", "demo", exported_});
  ASSERT_EQ(exported.code, kOk) << exported.err;
  EXPECT_THAT(exported.err, AllOf(HasSubstr("warning"), HasSubstr("JSON text in a JSON string")));
  const CliResult imported = Run({"session", "import", "copy", exported_});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("unwrapped"));
  EXPECT_EQ(nlohmann::json::parse(Run({"creds", "get", "copy"}).out), nlohmann::json::parse(test::WorkingCreds()));
}

// JSONB has an order of members of its own.
TEST_F(CliLegacyTest, ImportedFolderIsComparedByItsMeaning) {
  fs::create_directory(exported_);
  std::ofstream(exported_ + "/creds.json") << test::WorkingCreds();
  std::ofstream(exported_ + "/session-1.0.json") << R"({"version":"v1","_sessions":{"b":1e2,"aa":1.0}})";
  const CliResult imported = Run({"session", "import", "demo", exported_});
  EXPECT_EQ(imported.code, kOk) << imported.err;
  EXPECT_EQ(Run({"keys", "get", "demo", "session", "1.0"}).out,
            "{\"version\":\"v1\",\"_sessions\":{\"b\":100,\"aa\":1.0}}\n");
}

TEST_F(CliLegacyTest, CredsThatAreNoObjectAreNotExported) {
  Creds("demo", "null");
  Key("demo", "2", "{}");
  const CliResult refused = Run({"session", "export", "demo", exported_});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("--keys-only"));
  EXPECT_FALSE(fs::exists(exported_));
  EXPECT_EQ(Run({"session", "export", "demo", exported_, "--keys-only"}).code, kOk);
}

}  // namespace
}  // namespace authstate
