// authstatectl against a server that hangs, corrupts, or changes its mind: what a real one does not do when asked.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using test::Subprocess;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::uint64_t kFence = 7;

grpc::Status Error(grpc::StatusCode code, const std::string& reason, const std::string& fact,
                   const std::string& value) {
  google::rpc::ErrorInfo error;
  error.set_reason(reason);
  error.set_domain("authstate");
  (*error.mutable_metadata())[fact] = value;
  google::rpc::Status status;
  status.set_code(code);
  status.add_details()->PackFrom(error);
  return {code, "what happened", status.SerializeAsString()};
}

grpc::Status NoSession() { return Error(grpc::StatusCode::NOT_FOUND, "NO_SESSION", "revision", "0"); }

// A server without sessions, whose answers a test may change before it is called. As one of the first version it does
// not say which fields of a request it knows.
class FakeServer : public v1::AuthStateService::Service {
 public:
  FakeServer() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~FakeServer() override { server_->Shutdown(absl::ToChronoTime(absl::Now())); }

  const std::string& address() const { return address_; }

  std::function<grpc::Status()> get_creds = NoSession;
  std::function<grpc::Status(grpc::ServerContext*, const v1::CommitRequest&, v1::CommitResponse*)> commit;
  std::function<grpc::Status(grpc::ServerContext*, grpc::ServerWriter<v1::LoadSessionResponse>*)> load;
  // Those that a listing shows, and those that are not there.
  std::vector<std::string> sessions;
  std::vector<std::string> deleted;
  absl::Notification renewed;
  absl::Notification released;

 private:
  grpc::Status AcquireLease(grpc::ServerContext* /*context*/, const v1::AcquireLeaseRequest* request,
                            v1::AcquireLeaseResponse* response) override {
    response->mutable_lease()->set_owner(request->owner());
    response->mutable_lease()->set_fence(kFence);
    return grpc::Status::OK;
  }
  grpc::Status GetLease(grpc::ServerContext* /*context*/, const v1::GetLeaseRequest* /*request*/,
                        v1::GetLeaseResponse* response) override {
    response->mutable_lease()->set_fence(kFence - 1);
    return grpc::Status::OK;
  }
  grpc::Status RenewLease(grpc::ServerContext* /*context*/, const v1::RenewLeaseRequest* request,
                          v1::RenewLeaseResponse* /*response*/) override {
    EXPECT_EQ(request->fence(), kFence);
    if (!renewed.HasBeenNotified()) renewed.Notify();
    return grpc::Status::OK;
  }
  grpc::Status ReleaseLease(grpc::ServerContext* /*context*/, const v1::ReleaseLeaseRequest* request,
                            v1::ReleaseLeaseResponse* /*response*/) override {
    EXPECT_EQ(request->fence(), kFence);
    if (!released.HasBeenNotified()) released.Notify();
    return grpc::Status::OK;
  }
  grpc::Status GetCreds(grpc::ServerContext* /*context*/, const v1::GetCredsRequest* /*request*/,
                        v1::GetCredsResponse* /*response*/) override {
    return get_creds();
  }
  grpc::Status ListSessions(grpc::ServerContext* /*context*/, const v1::ListSessionsRequest* /*request*/,
                            v1::ListSessionsResponse* response) override {
    for (const std::string& id : sessions) response->add_sessions()->set_session_id(id);
    return grpc::Status::OK;
  }
  grpc::Status Commit(grpc::ServerContext* context, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override {
    // A copy: the test that put it there may end, or put another one there, before this call does.
    const auto answer = commit;
    return answer(context, *request, response);
  }
  grpc::Status LoadSession(grpc::ServerContext* context, const v1::LoadSessionRequest* request,
                           grpc::ServerWriter<v1::LoadSessionResponse>* writer) override {
    if (std::count(deleted.begin(), deleted.end(), request->session_id()) > 0) return NoSession();
    const auto answer = load;
    return answer(context, writer);
  }

  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

v1::LoadSessionResponse Page(const std::string& creds) {
  v1::LoadSessionResponse page;
  page.set_revision(1);
  page.mutable_creds()->set_json(creds);
  return page;
}

// A call that ends when its client goes away: writing fails then.
template <typename Response>
grpc::Status WriteUntilCancelled(grpc::ServerContext* context, grpc::ServerWriter<Response>* writer) {
  while (!context->IsCancelled() && writer->Write(Response())) {
  }
  return grpc::Status::CANCELLED;
}

class CliFakeServerTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(folder_);
    std::ofstream(folder_ + "/creds.json") << test::WorkingCreds();
    server_.commit = [](grpc::ServerContext* /*context*/, const v1::CommitRequest& request,
                        v1::CommitResponse* response) {
      EXPECT_TRUE(request.has_expected_revision());
      response->set_revision(1);
      return grpc::Status::OK;
    };
    server_.load = [](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
      writer->Write(Page(test::WorkingCreds()));
      return grpc::Status::OK;
    };
  }

  std::unique_ptr<Subprocess> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), test::ProgramPath("authstatectl"));
    auto process = Subprocess::Start({std::move(arguments), cli_.Environment()});
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }

  std::vector<std::string> Entries() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) names.push_back(entry.path().filename());
    return names;
  }

  test::TempDir directory_;
  const std::string folder_ = directory_.File("auth");
  FakeServer server_;
  const CliRunner cli_{server_.address()};
};

TEST_F(CliFakeServerTest, CorruptDataIsExitCode6) {
  server_.get_creds = [] { return Error(grpc::StatusCode::DATA_LOSS, "CORRUPT_VALUE", "request_id", "r-1"); };
  const CliResult result = cli_.Run({"creds", "get", "demo"});
  EXPECT_EQ(result.code, kDataLoss);
  EXPECT_THAT(result.err, HasSubstr("request r-1"));
}

// It would list every session for those that are stale, and nothing that a prune knows as a key.
TEST_F(CliFakeServerTest, WhatAnOlderServerWouldIgnoreIsRefused) {
  server_.sessions = {"a", "b"};
  const CliResult all = cli_.Run({"session", "list", "--quiet"});
  EXPECT_EQ(all.code, kOk) << all.err;
  EXPECT_EQ(all.out, "a\nb\n");
  const std::vector<std::vector<std::string>> filtered = {
      {"--stale", "30d"}, {"--no-creds"}, {"--state", "paired"}, {"--long"}, {"--sort", "size"}};
  for (const std::vector<std::string>& filter : filtered) {
    std::vector<std::string> arguments = {"session", "list", "--quiet"};
    arguments.insert(arguments.end(), filter.begin(), filter.end());
    const CliResult listed = cli_.Run(arguments);
    EXPECT_EQ(listed.code, kRefused) << filter[0];
    EXPECT_EQ(listed.out, "");
    EXPECT_THAT(listed.err, AllOf(HasSubstr("of an older version"), HasSubstr("upgrade it"))) << filter[0];
  }
  const CliResult pruned = cli_.Run({"session", "prune", "a"});
  EXPECT_EQ(pruned.code, kRefused);
  EXPECT_THAT(pruned.err, HasSubstr("upgrade it"));
  // Said once, and not of each session.
  const CliResult every = cli_.Run({"session", "prune", "--all", "--dry-run"});
  EXPECT_EQ(every.code, kRefused);
  EXPECT_THAT(every.err, AllOf(HasSubstr("session a"), HasSubstr("upgrade it")));
  EXPECT_THAT(every.out, AllOf(Not(HasSubstr("session b")), Not(HasSubstr("pruned"))));
}

// Owners that had the session since the backup would be met again.
TEST_F(CliFakeServerTest, RestoreThroughAServerThatCannotRaiseAFenceWritesNothing) {
  const auto real = test::TestServer::Create({{"--sqlite-path", directory_.File("real.db")}, {}});
  ASSERT_TRUE(real.ok()) << real.status();
  const CliRunner on_real((*real)->address());
  const std::string keyring = directory_.File("keyring");
  const std::string backups = directory_.File("backups");
  ASSERT_EQ(on_real.Run({"keyring", "init", keyring, "k"}).code, kOk);
  ASSERT_EQ(on_real.Run({"creds", "set", "s", test::WorkingCreds()}).code, kOk);
  ASSERT_EQ(on_real.Run({"backup", "create", backups, "--keyring-file", keyring}).code, kOk);
  server_.commit = [](grpc::ServerContext* /*context*/, const v1::CommitRequest& /*request*/,
                      v1::CommitResponse* /*response*/) {
    ADD_FAILURE() << "a commit";
    return grpc::Status::OK;
  };
  for (const std::string which : {"s", "--all"}) {
    const CliResult refused = cli_.Run({"backup", "restore", backups, which, "--keyring-file", keyring});
    EXPECT_EQ(refused.code, kRefused);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("fence_step"), HasSubstr("upgrade it")));
  }
  EXPECT_TRUE(server_.released.HasBeenNotified());
}

TEST_F(CliFakeServerTest, ImportAsksForTheRevisionItSaw) {
  EXPECT_EQ(cli_.Run({"session", "import", "demo", folder_}).code, kOk);
}

TEST_F(CliFakeServerTest, ImportThatReadsBackSomethingElseIsExitCode6) {
  server_.load = [](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    writer->Write(Page(R"({"other":1})"));
    return grpc::Status::OK;
  };
  EXPECT_EQ(cli_.Run({"session", "import", "demo", folder_}).code, kDataLoss);
}

TEST_F(CliFakeServerTest, ImportThatReadsBackMoreIsExitCode6) {
  server_.load = [](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    v1::LoadSessionResponse page = Page(test::WorkingCreds());
    v1::KeyEntry* entry = page.add_keys();
    entry->mutable_key()->set_type("pre-key");
    entry->mutable_key()->set_id("1");
    entry->mutable_value()->set_json("1");
    writer->Write(page);
    return grpc::Status::OK;
  };
  const CliResult result = cli_.Run({"session", "import", "demo", folder_});
  EXPECT_EQ(result.code, kDataLoss);
  EXPECT_THAT(result.err, HasSubstr("key pre-key 1"));
}

TEST_F(CliFakeServerTest, ImportThatAnotherWriterOvertakesIsRefused) {
  server_.commit = [](grpc::ServerContext* /*context*/, const v1::CommitRequest& request,
                      v1::CommitResponse* /*response*/) {
    EXPECT_EQ(request.expected_revision(), 0U);
    return Error(grpc::StatusCode::ABORTED, "REVISION_MISMATCH", "outcome", "NOT_APPLIED");
  };
  EXPECT_EQ(cli_.Run({"session", "import", "demo", folder_}).code, kRefused);
}

TEST_F(CliFakeServerTest, ImportWhoseReplyIsLostSaysSo) {
  server_.commit = [](grpc::ServerContext* /*context*/, const v1::CommitRequest& /*request*/,
                      v1::CommitResponse* /*response*/) {
    return Error(grpc::StatusCode::UNAVAILABLE, "DATABASE_UNAVAILABLE", "outcome", "UNKNOWN");
  };
  const CliResult result = cli_.Run({"session", "import", "demo", folder_});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, HasSubstr("it may have been applied"));
}

TEST_F(CliFakeServerTest, BackupAsksForWhatAListingHidesBeforeItTakesThatForDeleted) {
  const std::string keyring = directory_.File("keyring");
  ASSERT_EQ(cli_.Run({"keyring", "init", keyring, "k"}).code, kOk);
  const auto create = [&] {
    return cli_.Run({"backup", "create", directory_.File("backups"), "--keyring-file", keyring, "--json"});
  };
  server_.sessions = {"a", "b", "c", "d", "e"};
  ASSERT_EQ(create().OutJson()["sessions"], 5);
  // Before, between and after those that are listed.
  server_.sessions = {"b", "d"};
  server_.deleted = {"c"};
  for (int i = 0; i < 2; ++i) {
    const CliResult hidden = create();
    EXPECT_EQ(hidden.code, kDataLoss);
    EXPECT_EQ(hidden.OutJson()["sessions"], 4);
    EXPECT_THAT(hidden.OutJson()["unlisted"], ElementsAre("a", "e"));
    EXPECT_THAT(hidden.err, HasSubstr("the server has 2 sessions that it does not list"));
  }
  server_.deleted = {"a", "c", "e"};
  const CliResult gone = create();
  EXPECT_EQ(gone.code, kOk) << gone.err;
  EXPECT_EQ(gone.OutJson()["sessions"], 2);
}

TEST_F(CliFakeServerTest, BackupAsksForWhatAListingHidesAndTheNewestFileHasLost) {
  const std::string keyring = directory_.File("keyring");
  const std::string backups = directory_.File("backups");
  ASSERT_EQ(cli_.Run({"keyring", "init", keyring, "k"}).code, kOk);
  const auto create = [&] {
    return cli_.Run({"backup", "create", backups, "--keyring-file", keyring, "--full", "--json"});
  };
  server_.sessions = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) ASSERT_EQ(create().code, kOk);
  // In the middle, which is of the second of three. Of the newest two: so the oldest is asked for it.
  for (const auto& entry : std::filesystem::directory_iterator(backups)) {
    if (absl::StrContains(entry.path().filename().string(), "-000001-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(entry.file_size() / 2);
    file.seekg(middle);
    const int byte = file.get();
    file.seekp(middle);
    file.put(static_cast<char>(byte ^ 1));
  }
  server_.sessions = {"a", "c"};
  const CliResult hidden = create();
  EXPECT_EQ(hidden.code, kDataLoss);
  EXPECT_EQ(hidden.OutJson()["sessions"], 3) << hidden.err;
  EXPECT_THAT(hidden.OutJson()["unlisted"], ElementsAre("b"));
  EXPECT_EQ(hidden.OutJson()["earlier_damage"], 2);
  EXPECT_EQ(cli_.Run({"backup", "verify", backups, "--keyring-file", keyring}).code, kOk);
}

TEST_F(CliFakeServerTest, BackupReadsASessionAgainThatBrokeOffInTheMiddle) {
  const std::string keyring = directory_.File("keyring");
  ASSERT_EQ(cli_.Run({"keyring", "init", keyring, "k"}).code, kOk);
  const auto tries = std::make_shared<std::atomic<int>>(0);
  server_.sessions = {"a", "b"};
  server_.load = [tries](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    writer->Write(Page(test::WorkingCreds()));
    return ++*tries == 1 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "database away") : grpc::Status::OK;
  };
  const CliResult created =
      cli_.Run({"backup", "create", directory_.File("backups"), "--keyring-file", keyring, "--json"});
  EXPECT_EQ(created.code, kOk) << created.err;
  EXPECT_EQ(created.OutJson()["sessions"], 2);
  EXPECT_EQ(*tries, 3);
  EXPECT_EQ(cli_.Run({"backup", "verify", directory_.File("backups"), "--keyring-file", keyring}).code, kOk);
}

TEST_F(CliFakeServerTest, ExportThatBreaksLeavesNothing) {
  server_.load = [](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    writer->Write(Page(test::WorkingCreds()));
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "database away");
  };
  EXPECT_EQ(cli_.Run({"session", "export", "demo", directory_.File("out")}).code, kUnavailable);
  EXPECT_THAT(Entries(), ElementsAre("auth"));
}

TEST_F(CliFakeServerTest, InterruptedExportLeavesNothing) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto began = std::make_shared<absl::Notification>();
    server_.load = [began](grpc::ServerContext* context, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
      writer->Write(Page(test::WorkingCreds()));
      began->Notify();
      return WriteUntilCancelled(context, writer);
    };
    const auto process = Start({"session", "export", "demo", directory_.File("out")});
    ASSERT_NE(process, nullptr);
    ASSERT_TRUE(began->WaitForNotificationWithTimeout(kPatience));
    process->Signal(signal);
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->code, kInterrupted);
    EXPECT_THAT(Entries(), ElementsAre("auth"));
  }
}

// The last key of the page cannot be written: whoever reaches it says so, in place of that it was interrupted.
v1::LoadSessionResponse PageThatTakesLong() {
  constexpr int kKeys = 100'000;
  v1::LoadSessionResponse page = Page(test::WorkingCreds());
  for (int i = 0; i < kKeys; ++i) {
    v1::KeyEntry* const entry = page.add_keys();
    entry->mutable_key()->set_type("pre-key");
    entry->mutable_key()->set_id(i == kKeys - 1 ? std::string(kMaxKeyIdBytes, 'x') : absl::StrCat(i));
    entry->mutable_value()->set_json("1");
  }
  return page;
}

TEST_F(CliFakeServerTest, AnExportIsInterruptedWithinAPage) {
  server_.load = [](grpc::ServerContext* /*context*/, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    writer->Write(PageThatTakesLong());
    return grpc::Status::OK;
  };
  const auto process = Start({"session", "export", "demo", directory_.File("out")});
  ASSERT_NE(process, nullptr);
  const auto is_writing = [this] {
    const auto entries = Entries();
    return std::any_of(entries.begin(), entries.end(), [this](const std::string& entry) {
      return entry != "auth" && fs::exists(directory_.File(entry + "/creds.json"));
    });
  };
  while (!is_writing() && process->running()) absl::SleepFor(absl::Milliseconds(1));
  process->Signal(SIGINT);
  const auto exit = process->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted) << process->output(Subprocess::Stream::kStderr);
  EXPECT_THAT(Entries(), ElementsAre("auth"));
}

TEST_F(CliFakeServerTest, InterruptedImportSaysThatItMayHaveBeenApplied) {
  // Shared: the server's thread may still look at them when this test is over.
  const auto began = std::make_shared<absl::Notification>();
  const auto ended = std::make_shared<absl::Notification>();
  server_.commit = [began, ended](grpc::ServerContext* /*context*/, const v1::CommitRequest& /*request*/,
                                  v1::CommitResponse* /*response*/) {
    began->Notify();
    ended->WaitForNotification();
    return grpc::Status::OK;
  };
  const auto process = Start({"session", "import", "demo", folder_});
  ASSERT_NE(process, nullptr);
  const bool called = began->WaitForNotificationWithTimeout(kPatience);
  process->Signal(SIGINT);
  const auto exit = process->Wait(kPatience);
  ended->Notify();
  ASSERT_TRUE(called);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted);
  EXPECT_THAT(process->output(Subprocess::Stream::kStderr), HasSubstr("it may have been applied"));
}

TEST_F(CliFakeServerTest, InterruptedImportOfALargeFolderLeavesKeysWithoutCredsAndSaysSo) {
  for (int i = 0; i < 5; ++i) {
    std::ofstream(absl::StrCat(folder_, "/session-", i, ".0.json"))
        << '"' << std::string(kMaxValueBytes - 2, 'x') << '"';
  }
  const auto first_done = std::make_shared<std::atomic<bool>>(false);
  const auto began = std::make_shared<absl::Notification>();
  server_.commit = [=](grpc::ServerContext* context, const v1::CommitRequest& request, v1::CommitResponse* response) {
    if (!first_done->exchange(true)) {
      EXPECT_GT(request.sets_size(), 0);
      EXPECT_FALSE(request.has_creds());
      response->set_revision(1);
      return grpc::Status::OK;
    }
    EXPECT_TRUE(request.has_creds());
    began->Notify();
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    return grpc::Status::CANCELLED;
  };
  const auto process = Start({"session", "import", "demo", folder_});
  ASSERT_NE(process, nullptr);
  ASSERT_TRUE(began->WaitForNotificationWithTimeout(kPatience));
  process->Signal(SIGINT);
  const auto exit = process->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted);
  EXPECT_THAT(
      process->output(Subprocess::Stream::kStderr),
      AllOf(HasSubstr("1 of 2 commits were applied"), HasSubstr("has no creds"), HasSubstr("run the same again")));
}

TEST_F(CliFakeServerTest, TakenLeaseIsRenewedWhileTheCommandLasts) {
  server_.commit = [this](grpc::ServerContext* /*context*/, const v1::CommitRequest& request,
                          v1::CommitResponse* response) {
    EXPECT_EQ(request.fence(), kFence);
    EXPECT_TRUE(server_.renewed.WaitForNotificationWithTimeout(kPatience));
    response->set_revision(1);
    return grpc::Status::OK;
  };
  const CliResult result = cli_.Run({"session", "import", "demo", folder_, "--take-lease", "--timeout", "60s"});
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_TRUE(server_.released.HasBeenNotified());
}

TEST_F(CliFakeServerTest, InterruptedCommandGivesItsLeaseBack) {
  const auto began = std::make_shared<absl::Notification>();
  server_.commit = [began](grpc::ServerContext* context, const v1::CommitRequest& /*request*/,
                           v1::CommitResponse* /*response*/) {
    began->Notify();
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    return grpc::Status::CANCELLED;
  };
  const auto process = Start({"session", "import", "demo", folder_, "--take-lease"});
  ASSERT_NE(process, nullptr);
  ASSERT_TRUE(began->WaitForNotificationWithTimeout(kPatience));
  process->Signal(SIGTERM);
  const auto exit = process->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted);
  EXPECT_TRUE(server_.released.HasBeenNotified());
}

// What the server says of its database is what the user reads, not that there was no answer.
TEST_F(CliFakeServerTest, TheServersOwnWordsForAnOutageAreShown) {
  server_.get_creds = [] {
    return Error(grpc::StatusCode::UNAVAILABLE, "DATABASE_READ_ONLY", "outcome", "NOT_APPLIED");
  };
  const CliResult result = cli_.Run({"creds", "get", "demo", "--timeout", "100ms"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, AllOf(HasSubstr("UNAVAILABLE: what happened"), Not(HasSubstr("no answer"))));
}

}  // namespace
}  // namespace authstate
