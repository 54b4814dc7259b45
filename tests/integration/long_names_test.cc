// A session whose keys are nearly all name: more of them than one message holds.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;

// With ids at their limit, 80 MB.
constexpr int kKeys = 160'000;

class LongNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = test::TestServer::Create({{"--sqlite-path", directory_.File("authstate.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
    stub_ = v1::AuthStateService::NewStub(
        grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments));
  }

  // Empty values.
  void SetKeys(int count, std::size_t id_bytes) {
    for (int next = 0; next < count;) {
      v1::CommitRequest request;
      request.set_session_id("s");
      // The creds are an operation too.
      request.mutable_creds()->set_json("{}");
      for (std::size_t i = 1; i < kMaxCommitOperations && next < count; ++i, ++next) {
        v1::KeyEntry* const entry = request.add_sets();
        entry->mutable_key()->set_type("t");
        entry->mutable_key()->set_id(absl::StrFormat("%0*d", static_cast<int>(id_bytes), next));
        entry->mutable_value()->set_raw("");
      }
      grpc::ClientContext context;
      v1::CommitResponse response;
      const grpc::Status status = stub_->Commit(&context, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<v1::AuthStateService::Stub> stub_;
};

TEST_F(LongNamesTest, LoadInPagesThatAreSentWhateverTheirSize) {
  ASSERT_NO_FATAL_FAILURE(SetKeys(kKeys, kMaxKeyIdBytes));
  for (const std::size_t page_bytes : {kDefaultLoadPageBytes, kMaxLoadPageBytes}) {
    v1::LoadSessionRequest request;
    request.set_session_id("s");
    request.set_page_bytes(static_cast<std::uint32_t>(page_bytes));
    grpc::ClientContext context;
    auto stream = stub_->LoadSession(&context, request);
    v1::LoadSessionResponse page;
    int keys = 0;
    while (stream->Read(&page)) {
      keys += page.keys_size();
      EXPECT_LE(page.ByteSizeLong(), page_bytes);
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(keys, kKeys);
  }
  const CliResult shown = CliRunner(server_->address()).Run({"session", "show", "s"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr(absl::StrCat(kKeys)));
}

// As long as a file's name may be.
TEST_F(LongNamesTest, AreExportedWhereTheyCanBeNamesOfFiles) {
  constexpr int kFiles = 2'000;
  ASSERT_NO_FATAL_FAILURE(SetKeys(kFiles, 240));
  const CliRunner cli(server_->address());
  const std::string folder = directory_.File("exported");
  const CliResult exported = cli.Run({"session", "export", "s", folder});
  EXPECT_EQ(exported.code, 0) << exported.err;
  // The creds have a file too.
  const auto files = std::filesystem::directory_iterator(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), kFiles + 1);
}

}  // namespace
}  // namespace authstate
