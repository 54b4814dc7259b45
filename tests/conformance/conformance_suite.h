#ifndef AUTHSTATE_TESTS_CONFORMANCE_CONFORMANCE_SUITE_H_
#define AUTHSTATE_TESTS_CONFORMANCE_CONFORMANCE_SUITE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "tests/conformance/await.h"

// One suite for every backend. The tests in *_test.cc of this directory are compiled once; a binary links them with a
// file that defines NewStoreUnderTest.
namespace authstate::conformance {

// An empty place for a backend to keep its sessions in, such as a file or a database. Outlives the backends opened on
// it.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  virtual absl::StatusOr<std::unique_ptr<storage::Backend>> Open() = 0;
  // Whether what was committed is found again by the next Open.
  virtual bool durable() const = 0;
  // Whether JSON comes back as it was written, byte for byte; else it comes back with the same meaning, and holds what
  // JSONB can.
  virtual bool keeps_json_text() const { return true; }
  // Whether sessions of this id can be written. Ids of the contract may be refused by a store that others share.
  virtual bool TakesSessionId(const std::string& /*id*/) const { return true; }
  // Whether grants are rows of a table; then ChangeGrants does `UPDATE` with `set` on all of them, past the backend.
  virtual bool keeps_grants_in_rows() const { return true; }
  virtual absl::Status ChangeGrants(const std::string& set) = 0;
  // Whether leases are kept where the maintenance is, which then lets them live on; else they go on in it.
  virtual bool stops_leases_in_maintenance() const { return true; }
};

// Defined once per binary. Every test gets a store of its own.
absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest();

inline Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }
inline Value Json(std::string text) { return {ValueKind::kJson, std::move(text)}; }

// Commits of one line.
storage::Commit SetCreds(std::string session_id, Value creds);
storage::Commit SetKeys(std::string session_id, std::vector<storage::KeyWrite> sets);
storage::Commit DeleteKeys(std::string session_id, std::vector<storage::KeyName> deletes);
storage::Commit ClearKeys(std::string session_id, std::vector<storage::KeyWrite> sets = {});
storage::Commit DeleteCreds(std::string session_id);
storage::Commit DeleteSession(std::string session_id);
storage::Commit At(std::uint64_t expected_revision, storage::Commit commit);

// A session read whole.
struct WholeSession {
  std::uint64_t revision = 0;
  std::optional<Value> creds;
  std::map<storage::KeyName, Value> keys;

  friend bool operator==(const WholeSession& a, const WholeSession& b) {
    return a.revision == b.revision && a.creds == b.creds && a.keys == b.keys;
  }
};
void PrintTo(const WholeSession& session, std::ostream* os);

// A backend on a store of its own, with calls that wait for their answer.
class ConformanceTest : public testing::Test {
 protected:
  void SetUp() override;

  storage::Backend& backend() { return *backend_; }
  StoreUnderTest& store() { return *store_; }

  // Closes the backend and opens the store again.
  void Reopen();
  void CloseBackend() { backend_.reset(); }

  // Those of the ids whose sessions the store takes.
  std::vector<std::string> Taken(std::vector<std::string> session_ids);

  // Far away: a test that waits this long has failed.
  static absl::Time Soon();

  std::vector<absl::StatusOr<storage::Applied>> Apply(std::vector<storage::Commit> commits);
  absl::StatusOr<std::uint64_t> Apply(storage::Commit commit);
  // Applies a commit that must succeed.
  std::uint64_t MustApply(storage::Commit commit);

  std::vector<absl::StatusOr<storage::ReadResult>> Read(std::vector<storage::ReadRequest> requests);
  absl::StatusOr<storage::ReadResult> Read(storage::ReadRequest request);
  // Creds and `keys` of a session; the read must succeed.
  storage::ReadResult MustRead(std::string session_id, std::vector<storage::KeyName> keys = {});
  // The value of one key; nullopt: there is none.
  std::optional<Value> Key(std::string session_id, storage::KeyName name);

  absl::StatusOr<std::unique_ptr<storage::Snapshot>> Open(std::string session_id);
  static absl::StatusOr<storage::Snapshot::Page> Next(storage::Snapshot& snapshot, std::size_t max_bytes);
  // Every key left in the snapshot, in the order of its pages; by name where key ids are hidden.
  static std::vector<storage::KeyWrite> Drain(storage::Snapshot& snapshot, std::size_t max_bytes);
  // The session through a snapshot; nullopt when there is none.
  std::optional<WholeSession> Whole(const std::string& session_id);

  absl::StatusOr<std::vector<storage::SessionSummary>> List(storage::ListRequest request);
  std::vector<std::string> ListIds(storage::ListRequest request);

 private:
  std::unique_ptr<StoreUnderTest> store_;
  std::unique_ptr<storage::Backend> backend_;
};

// Checks of a failed answer: its code, its reason, and for a commit that nothing was applied.
template <typename T>
testing::AssertionResult FailsWith(const absl::StatusOr<T>& answer, absl::StatusCode code, absl::string_view reason);
testing::AssertionResult StatusIs(const absl::Status& status, absl::StatusCode code, absl::string_view reason);
testing::AssertionResult IsNotApplied(const absl::Status& status);

template <typename T>
testing::AssertionResult FailsWith(const absl::StatusOr<T>& answer, absl::StatusCode code, absl::string_view reason) {
  return StatusIs(answer.status(), code, reason);
}

}  // namespace authstate::conformance

namespace authstate {
// Long values are cut, so that a failure can be read.
void PrintTo(const Value& value, std::ostream* os);
}  // namespace authstate

namespace authstate::storage {
void PrintTo(const KeyName& name, std::ostream* os);
}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_CONFORMANCE_CONFORMANCE_SUITE_H_
