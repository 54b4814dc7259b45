// authstated with --write-behind whose file is full, read-only, taken away, another one's or damaged: a clear answer,
// and nothing acknowledged that is not durable.
#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/exit_code.h"
#include "tests/integration/mounts.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(10);
// The address by which others know the server of these tests, whatever port it has.
constexpr char kAddress[] = "near:1";

class NearStoreDamageTest : public PostgresTest {
 protected:
  std::vector<std::string> Arguments() const {
    return {"--backend",   "postgres", "--postgres-url",       url(), "--write-behind",     path_,
            "--advertise", kAddress,   "--health-interval-ms", "20",  "--drain-timeout-ms", "5000"};
  }

  void Start(std::vector<std::string> launcher = {}) {
    TestServer::Options options;
    options.arguments = Arguments();
    options.launcher = std::move(launcher);
    auto server = TestServer::Create(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client::ClientOptions calls;
    calls.address = server_->address();
    calls.patience = absl::ZeroDuration();
    client_ = std::make_unique<client::Client>(std::move(calls));
  }

  // A start that fails: what it says.
  std::string Refusal(std::vector<std::string> launcher = {}) {
    std::vector<std::string> argv = std::move(launcher);
    argv.insert(argv.end(), {ProgramPath("authstated"), "--listen", "127.0.0.1:0"});
    for (std::string& argument : Arguments()) argv.push_back(std::move(argument));
    auto process = Subprocess::Start({std::move(argv), {}});
    EXPECT_TRUE(process.ok()) << process.status();
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    const std::string said = (*process)->output(Subprocess::Stream::kStderr);
    EXPECT_EQ(exit.ok() ? exit->code.value_or(-1) : -1, server::kExitStore) << said;
    return said;
  }

  std::uint64_t Acquire(const std::string& session) {
    const auto lease = client_->AcquireLease(session, "pool", absl::Minutes(30));
    EXPECT_TRUE(lease.ok()) << lease.status();
    return lease.ok() ? lease->fence : 0;
  }

  // Key `1` gets the value.
  absl::StatusOr<std::uint64_t> Set(const std::string& session, std::uint64_t fence, const std::string& value) {
    client::CommitRequest commit;
    commit.session_id = session;
    commit.fence = fence;
    commit.sets.push_back({{"session", "1"}, {ValueKind::kRaw, value}});
    return client_->Commit(std::move(commit));
  }
  void MustSet(const std::string& session, std::uint64_t fence, const std::string& value) {
    const auto set = Set(session, fence, value);
    EXPECT_TRUE(set.ok()) << set.status();
  }

  // Reads the key `1`; an absent one is told as such.
  absl::StatusOr<std::string> Get(const std::string& session) {
    const auto keys = client_->GetKeys(session, {{"session", "1"}});
    if (!keys.ok()) return keys.status();
    return keys->found.empty() ? "absent" : keys->found[0].value.bytes;
  }

  void ExpectNotApplied(const absl::Status& status, absl::StatusCode code, const char* reason) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(client::ReasonOf(status), reason) << status;
    EXPECT_EQ(client::OutcomeOf(status), client::Outcome::kNotApplied);
  }

  bool BecomesHealthy(HealthCheckResponse::ServingStatus wanted) {
    const auto health =
        grpc::health::v1::Health::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
    const absl::Time limit = absl::Now() + kPatience;
    HealthCheckResponse response;
    do {
      grpc::ClientContext context;
      EXPECT_TRUE(health->Check(&context, {}, &response).ok());
      if (response.status() == wanted) return true;
      absl::SleepFor(kBetweenLooks);
    } while (absl::Now() < limit);
    return false;
  }

  // The database has this revision of the session.
  void AwaitRevision(const std::string& session, int revision) {
    const absl::Status reached = TestPostgres::AwaitAnswer(
        url(), absl::StrCat("SELECT revision FROM authstate.auth_sessions WHERE session_id = '", session, "'"),
        absl::StrCat(revision));
    EXPECT_TRUE(reached.ok()) << reached;
  }
  std::string Homes() { return Query("SELECT count(*) FROM authstate.auth_sessions WHERE lease_owner LIKE 'home:%'"); }

  // SIGKILL; then everything is in the file, and nothing in its log.
  void KillAndFold() {
    ASSERT_TRUE(server_->Kill().ok());
    SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  // Changes one byte in the middle of every place where the file has `text`; how many there were.
  int Damage(const std::string& text) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    int places = 0;
    for (std::size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) {
      const std::size_t middle = at + text.size() / 2;
      file.seekp(static_cast<std::streamoff>(middle));
      file.put(static_cast<char>(bytes[middle] ^ 1));
      ++places;
    }
    return places;
  }

  TempDir folder_;
  const std::string path_ = folder_.File("near.db");
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<client::Client> client_;
};

// The near store has a disk of its own.
class NearStoreDiskTest : public NearStoreDamageTest {
 protected:
  void SetUp() override {
    if (const absl::Status mounts = TryToMount(); !mounts.ok()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "CI requires mounts: " << mounts;
      GTEST_SKIP() << mounts;
    }
    NearStoreDamageTest::SetUp();
  }
};

TEST_F(NearStoreDiskTest, FullDiskRefusesCommitsOfHomesAndEndsByItself) {
  ASSERT_NO_FATAL_FAILURE(Start(WithMounts(kMountSmallDisk, {folder_.path()})));
  const std::uint64_t fence = Acquire("s");
  MustSet("s", fence, "before");
  // Through the process, as the disk is mounted for it alone.
  const std::string filler = absl::StrCat("/proc/", server_->process().pid(), "/root", folder_.File("filler"));
  {
    std::ofstream file(filler, std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  const std::string large = std::string(1'000'000, 'a') + "0123456789";
  ExpectNotApplied(Set("s", fence, large).status(), absl::StatusCode::kResourceExhausted, "DISK_FULL");
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::NOT_SERVING));
  EXPECT_EQ(*Get("s"), "before");
  AwaitRevision("s", 1);
  // What cannot come home is served by the database.
  const std::uint64_t other = Acquire("t");
  MustSet("t", other, "elsewhere");

  ASSERT_TRUE(std::filesystem::remove(filler));
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::SERVING));
  MustSet("s", fence, large);
  AwaitRevision("s", 2);
  EXPECT_EQ(*Get("s"), large);
  const auto ended = server_->Terminate();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(Homes(), "0");
}

TEST_F(NearStoreDiskTest, ReadOnlyFileIsToldAtTheStart) {
  ASSERT_NO_FATAL_FAILURE(Start());
  MustSet("s", Acquire("s"), "v");
  ASSERT_TRUE(server_->Kill().ok());
  const std::string said = Refusal(WithMounts(kMountReadOnly, {folder_.path()}));
  EXPECT_THAT(said, AllOf(HasSubstr(path_), AnyOf(HasSubstr("ead-only"), HasSubstr("readonly"))));
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(*Get("s"), "v");
}

TEST_F(NearStoreDamageTest, FileTakenAwayRefusesCommitsUntilItIsPutBack) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::uint64_t fence = Acquire("s");
  MustSet("s", fence, "v");
  AwaitRevision("s", 1);
  const std::string elsewhere = folder_.File("elsewhere.db");
  std::filesystem::rename(path_, elsewhere);
  ExpectNotApplied(Set("s", fence, "w").status(), absl::StatusCode::kUnavailable, "DATABASE_MOVED");
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::NOT_SERVING));
  // The home stays: another server does not get the session while this one may still have it.
  EXPECT_EQ(Homes(), "1");
  std::filesystem::rename(elsewhere, path_);
  EXPECT_TRUE(BecomesHealthy(HealthCheckResponse::SERVING));
  MustSet("s", fence, "x");
  AwaitRevision("s", 2);
}

TEST_F(NearStoreDamageTest, DeletedFileIsNoEmptyStart) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::uint64_t fence = Acquire("s");
  MustSet("s", fence, "v");
  AwaitRevision("s", 1);
  ASSERT_TRUE(postgres().Kill().ok());
  MustSet("s", fence, "unflushed");
  for (const char* const name : {"near.db", "near.db-wal", "near.db-shm"}) std::filesystem::remove(folder_.File(name));
  ExpectNotApplied(Set("s", fence, "w").status(), absl::StatusCode::kUnavailable, "DATABASE_MOVED");
  ASSERT_TRUE(postgres().Start().ok());
  ASSERT_TRUE(server_->Kill().ok());
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_ + ".made"), HasSubstr("Put the database back")));
  // Who deletes that file too is told what the database knows.
  std::filesystem::remove(path_ + ".made");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("1 sessions at home"), HasSubstr("put that file back")));
  EXPECT_THAT(Refusal(), HasSubstr("1 sessions at home"));
  EXPECT_EQ(Homes(), "1");
}

TEST_F(NearStoreDamageTest, FileOfAnotherDatabaseOrOfNoneIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::uint64_t fence = Acquire("s");
  MustSet("s", fence, "v");
  ASSERT_TRUE(server_->Kill().ok());
  UseNewDatabase();
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_), HasSubstr("before another database")));

  std::ofstream(path_, std::ios::trunc) << std::string(8192, 'x');
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_), HasSubstr("not a database")));
}

TEST_F(NearStoreDamageTest, DamagedValueIsDataLossIsNotFlushedAndKeepsItsHome) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::uint64_t fence = Acquire("damaged");
  const std::uint64_t other = Acquire("sound");
  MustSet("damaged", fence, "flushed-value");
  MustSet("sound", other, "flushed");
  AwaitRevision("damaged", 1);
  AwaitRevision("sound", 1);
  ASSERT_TRUE(postgres().Kill().ok());
  MustSet("damaged", fence, "unflushed-value");
  MustSet("sound", other, "unflushed");
  ASSERT_NO_FATAL_FAILURE(KillAndFold());
  ASSERT_GT(Damage("unflushed-value"), 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto read = Get("damaged");
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_EQ(client::ReasonOf(read.status()), "CORRUPT_VALUE");
  EXPECT_EQ(*Get("sound"), "unflushed");

  ASSERT_TRUE(postgres().Start().ok());
  AwaitRevision("sound", 2);
  const auto told = server_->process().WaitForLine("what is to be flushed of session damaged cannot be read", kPatience,
                                                   Subprocess::Stream::kStderr);
  EXPECT_TRUE(told.ok()) << told.status();
  // Stopped, it gives back what it can.
  const auto ended = server_->Terminate();
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(Query("SELECT string_agg(session_id, ',') FROM authstate.auth_sessions WHERE lease_owner LIKE 'home:%'"),
            "damaged");
  EXPECT_EQ(Query("SELECT revision FROM authstate.auth_sessions WHERE session_id = 'damaged'"), "1");
}

TEST_F(NearStoreDamageTest, DamagedPagesAreToldAsSuch) {
  ASSERT_NO_FATAL_FAILURE(Start());
  MustSet("s", Acquire("s"), "v");
  ASSERT_NO_FATAL_FAILURE(KillAndFold());
  // All of them but the first, which says that it is a database.
  constexpr std::size_t kPageBytes = 4096;
  const std::size_t size = std::filesystem::file_size(path_);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kPageBytes);
    file << std::string(size - kPageBytes, '\xff');
  }
  EXPECT_THAT(Refusal(), AllOf(HasSubstr(path_), HasSubstr("malformed")));
  EXPECT_EQ(Homes(), "1");
}

}  // namespace
}  // namespace authstate::test
