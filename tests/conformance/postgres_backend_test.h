#ifndef AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_BACKEND_TEST_H_
#define AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_BACKEND_TEST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/postgres_test.h"

namespace authstate::storage {

using conformance::Answer;
using test::TestPostgres;

inline constexpr absl::Duration kPatience = absl::Seconds(60);

inline Commit SetKey(std::string session_id, std::string id) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets = {{{"t", std::move(id)}, {ValueKind::kRaw, "v"}}};
  return commit;
}

// A backend of the PostgreSQL driver, its calls waited for.
class PostgresBackendTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    options_.url = url();
  }

  PostgresOptions& options() { return options_; }
  Backend& backend() { return *backend_; }

  absl::Status TryOpen() {
    auto backend = OpenPostgresBackend(options_);
    if (!backend.ok()) return backend.status();
    backend_ = *std::move(backend);
    return absl::OkStatus();
  }
  void Open() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Close() { backend_.reset(); }
  absl::Status TryOpenAnother() { return OpenPostgresBackend(options_).status(); }
  // Everything in the database is a new role's from now on, and so are the connections of the backend.
  void OwnByRole(const std::string& attributes) {
    const std::string database = url().substr(url().rfind('/') + 1);
    role_ = absl::StrCat("owner_of_", database);
    Sql(absl::StrCat("CREATE ROLE ", role_, " LOGIN ", attributes, "; ALTER DATABASE ", database, " OWNER TO ", role_,
                     "; ALTER SCHEMA public OWNER TO ", role_));
    options_.url = absl::StrReplaceAll(url(), {{"postgres@", absl::StrCat(role_, "@")}});
  }
  void LimitConnections(int limit) { Sql(absl::StrCat("ALTER ROLE ", role_, " CONNECTION LIMIT ", limit)); }
  void CutConnections() {
    Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }
  absl::Status Ping() {
    Answer<absl::Status> answer;
    backend_->Ping(absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  void AwaitApplied(const Commit& commit) {
    const absl::Time end = absl::Now() + kPatience;
    absl::Status applied;
    do {
      applied = Apply({commit}).front().status();
    } while (!applied.ok() && absl::Now() < end);
    EXPECT_TRUE(applied.ok()) << applied;
  }
  void AwaitServing() {
    const absl::Time end = absl::Now() + kPatience;
    absl::Status alive;
    do {
      alive = Ping();
    } while (!alive.ok() && absl::Now() < end);
    EXPECT_TRUE(alive.ok()) << alive;
  }

  std::vector<absl::StatusOr<Applied>> Apply(std::vector<Commit> commits, absl::Duration timeout = kPatience) {
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend_->Apply(std::move(commits), absl::Now() + timeout, answer.Done());
    return answer.Await();
  }
  static ReadRequest Request(std::string session_id, std::vector<KeyName> keys = {}) {
    return {std::move(session_id), true, std::move(keys)};
  }
  std::vector<absl::StatusOr<ReadResult>> Read(std::vector<ReadRequest> requests) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend_->Read(std::move(requests), absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  absl::StatusOr<ReadResult> Read(std::string session_id, std::vector<KeyName> keys = {}) {
    return std::move(Read({Request(std::move(session_id), std::move(keys))}).front());
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> Snap(std::string session_id) {
    return Snap(SnapshotRequest{std::move(session_id)});
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> Snap(SnapshotRequest request) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
    backend_->OpenSnapshot(std::move(request), absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  // Asks until the database answers; the backend itself says how long to wait.
  absl::Status AwaitHealth() {
    const absl::Time limit = absl::Now() + kPatience;
    absl::Status status = Ping();
    while (!status.ok() && absl::Now() < limit) {
      absl::SleepFor(RetryDelayOf(status).value_or(absl::Milliseconds(10)));
      status = Ping();
    }
    return status;
  }

 private:
  PostgresOptions options_;
  std::string role_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_BACKEND_TEST_H_
