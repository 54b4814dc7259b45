// authstated is killed with SIGKILL while several writers commit. After each restart every commit that was acknowledged
// is there, whole, and none is half there.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

constexpr int kKills = 50;
constexpr int kWriters = 3;
// Keys that every commit rewrites.
constexpr int kKeys = 5;

using Stub = v1::AuthStateService::Stub;

std::unique_ptr<Stub> Connect(const std::string& address) {
  return v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
}

v1::Key Key(const std::string& type, const std::string& id) {
  v1::Key key;
  key.set_type(type);
  key.set_id(id);
  return key;
}

std::string CredsJson(std::uint64_t number) { return absl::StrCat("{\"number\":", number, "}"); }

// Commit `number` of a session: the same number in the creds and in every key, one key of its own, and the removal of
// the one that the commit before it made. So a session that shows any other mixture was torn.
v1::CommitRequest NumberedCommit(const std::string& session_id, std::uint64_t number) {
  v1::CommitRequest request;
  request.set_session_id(session_id);
  // A commit that is in doubt when its server is killed may still come through; then it must not come twice.
  request.set_expected_revision(number - 1);
  request.mutable_creds()->set_json(CredsJson(number));
  const auto set = [&](v1::Key key) {
    v1::KeyEntry& entry = *request.add_sets();
    *entry.mutable_key() = std::move(key);
    entry.mutable_value()->set_raw(absl::StrCat(number));
  };
  for (int i = 0; i < kKeys; ++i) set(Key("session", absl::StrCat(i)));
  set(Key("pre-key", absl::StrCat(number)));
  if (number > 1) *request.add_deletes() = Key("pre-key", absl::StrCat(number - 1));
  return request;
}

// One session and what its writer knows of it.
class Writer {
 public:
  explicit Writer(std::string session_id) : session_id_(std::move(session_id)) {}

  // Commits one after the other until a call fails, as it does once the server is gone.
  void Run(const std::string& address) {
    const std::unique_ptr<Stub> stub = Connect(address);
    while (true) {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::CommitResponse response;
      const std::uint64_t number = acknowledged_ + 1;
      attempted_ = number;
      const grpc::Status status = stub->Commit(&context, NumberedCommit(session_id_, number), &response);
      if (status.error_code() == grpc::StatusCode::ABORTED && number == in_doubt_) {
        // The database finished the commit for the server that was killed.
        acknowledged_ = number;
        continue;
      }
      if (!status.ok()) {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
        return;
      }
      EXPECT_EQ(response.revision(), number);
      acknowledged_ = number;
      ++commits_;
    }
  }

  // Reads the session whole, and takes what is there as its new state.
  void Check(const std::string& address) {
    grpc::ClientContext context;
    SetDeadline(context);
    context.set_wait_for_ready(true);
    v1::LoadSessionRequest request;
    request.set_session_id(session_id_);
    const std::unique_ptr<Stub> stub = Connect(address);
    const auto reader = stub->LoadSession(&context, request);
    std::uint64_t revision = 0;
    std::string creds;
    std::set<std::string> keys;
    v1::LoadSessionResponse page;
    while (reader->Read(&page)) {
      revision = page.revision();
      if (page.has_creds()) creds = page.creds().json();
      for (const v1::KeyEntry& entry : page.keys()) {
        keys.insert(absl::StrCat(entry.key().type(), "/", entry.key().id(), "=", entry.value().raw()));
      }
    }
    const grpc::Status status = reader->Finish();
    if (status.error_code() == grpc::StatusCode::NOT_FOUND && acknowledged_ == 0) return;
    ASSERT_TRUE(status.ok()) << session_id_ << ": " << status.error_message();

    EXPECT_GE(revision, acknowledged_) << session_id_ << ": an acknowledged commit is lost";
    EXPECT_LE(revision, attempted_) << session_id_ << ": a commit came twice";
    std::set<std::string> expected = {absl::StrCat("pre-key/", revision, "=", revision)};
    for (int i = 0; i < kKeys; ++i) expected.insert(absl::StrCat("session/", i, "=", revision));
    EXPECT_EQ(creds, CredsJson(revision)) << session_id_;
    EXPECT_EQ(keys, expected) << session_id_;
    in_doubt_ = attempted_;
    acknowledged_ = revision;
  }

  std::uint64_t commits() const { return commits_; }

 private:
  const std::string session_id_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t attempted_ = 0;
  std::uint64_t in_doubt_ = 0;
  // Acknowledged by the server itself; read by other threads.
  std::atomic<std::uint64_t> commits_ = 0;
};

class CrashTest : public testing::Test {
 protected:
  void KillAgainAndAgain(std::vector<std::string> arguments) {
    auto server = TestServer::Create({std::move(arguments), /*environment=*/{}});
    ASSERT_TRUE(server.ok()) << server.status();
    std::vector<std::unique_ptr<Writer>> writers;
    writers.reserve(kWriters);
    for (int i = 0; i < kWriters; ++i) writers.push_back(std::make_unique<Writer>(absl::StrCat("session-", i)));

    for (int kill = 0; kill < kKills && !HasFailure(); ++kill) {
      const std::uint64_t commits_before = Commits(writers);
      std::vector<std::thread> threads;
      threads.reserve(writers.size());
      for (const auto& writer : writers) {
        threads.emplace_back([&writer, address = (*server)->address()] { writer->Run(address); });
      }
      AwaitSomeMoment(writers, commits_before);
      EXPECT_TRUE((*server)->Kill().ok());
      for (std::thread& thread : threads) thread.join();
      const absl::Status restarted = (*server)->Restart();
      ASSERT_TRUE(restarted.ok()) << restarted;
      for (const auto& writer : writers) writer->Check((*server)->address());
    }
    RecordProperty("commits", absl::StrCat(Commits(writers)));
    EXPECT_GT(Commits(writers), std::uint64_t{kKills});
    const auto exit = (*server)->Terminate();
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->code, 0) << Describe(*exit);
  }

 private:
  static std::uint64_t Commits(const std::vector<std::unique_ptr<Writer>>& writers) {
    std::uint64_t commits = 0;
    for (const auto& writer : writers) commits += writer->commits();
    return commits;
  }

  // Until a few commits have been acknowledged, and then for a moment more, so that the kill meets commits in every
  // stage. The sleep waits for nothing: it is the random moment.
  void AwaitSomeMoment(const std::vector<std::unique_ptr<Writer>>& writers, std::uint64_t before) {
    const std::uint64_t enough = before + std::uniform_int_distribution<std::uint64_t>(1, 20)(random_);
    constexpr int kLongestMicroseconds = 5000;
    const absl::Duration moment =
        absl::Microseconds(std::uniform_int_distribution<int>(0, kLongestMicroseconds)(random_));
    const absl::Time limit = absl::Now() + absl::Minutes(1);
    do {
      absl::SleepFor(moment);
    } while (Commits(writers) < enough && absl::Now() < limit);
    ASSERT_GE(Commits(writers), enough) << "the writers do not get on";
  }

  std::mt19937_64 random_{std::random_device{}()};
};

TEST_F(CrashTest, SqliteKeepsEveryAcknowledgedCommitWhole) {
  const TempDir directory;
  KillAgainAndAgain({"--backend", "sqlite", "--sqlite-path", directory.File("authstate.db")});
}

TEST_F(CrashTest, PostgresKeepsEveryAcknowledgedCommitWhole) {
  auto postgres = TestPostgres::Create();
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  const auto url = (*postgres)->NewDatabase();
  ASSERT_TRUE(url.ok()) << url.status();
  KillAgainAndAgain({"--backend", "postgres", "--postgres-url", *url});
}

}  // namespace
}  // namespace authstate::test
