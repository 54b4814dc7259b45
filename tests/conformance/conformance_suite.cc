#include "tests/conformance/conformance_suite.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/conformance/keyring_of_environment.h"

namespace authstate {

void PrintTo(const Value& value, std::ostream* os) {
  constexpr std::size_t kShown = 64;
  *os << (value.kind == ValueKind::kRaw ? "raw " : "json ") << value.bytes.size() << " bytes '"
      << absl::CHexEscape(value.bytes.substr(0, kShown)) << "'";
}

namespace storage {
void PrintTo(const KeyName& name, std::ostream* os) {
  *os << absl::CHexEscape(name.type) << '/' << absl::CHexEscape(name.id);
}
}  // namespace storage

namespace conformance {

using storage::Applied;
using storage::Commit;
using storage::KeyName;
using storage::KeyWrite;
using storage::ListRequest;
using storage::ReadRequest;
using storage::ReadResult;
using storage::SessionSummary;
using storage::Snapshot;

Commit SetCreds(std::string session_id, Value creds) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.creds = std::move(creds);
  return commit;
}

Commit SetKeys(std::string session_id, std::vector<KeyWrite> sets) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets = std::move(sets);
  return commit;
}

Commit DeleteKeys(std::string session_id, std::vector<KeyName> deletes) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.deletes = std::move(deletes);
  return commit;
}

Commit ClearKeys(std::string session_id, std::vector<KeyWrite> sets) {
  Commit commit = SetKeys(std::move(session_id), std::move(sets));
  commit.clear_keys = true;
  return commit;
}

Commit DeleteCreds(std::string session_id) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.action = Commit::Action::kDeleteCreds;
  return commit;
}

Commit DeleteSession(std::string session_id) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.action = Commit::Action::kDeleteSession;
  return commit;
}

Commit At(std::uint64_t expected_revision, Commit commit) {
  commit.expected_revision = expected_revision;
  return commit;
}

void PrintTo(const WholeSession& session, std::ostream* os) {
  *os << "revision " << session.revision << ", creds " << testing::PrintToString(session.creds) << ", keys "
      << testing::PrintToString(session.keys);
}

void ConformanceTest::SetUp() {
  auto store = NewStoreUnderTest();
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  Reopen();
}

void ConformanceTest::Reopen() {
  backend_.reset();
  auto backend = store_->Open();
  ASSERT_TRUE(backend.ok()) << backend.status();
  backend_ = *std::move(backend);
}

std::vector<std::string> ConformanceTest::Taken(std::vector<std::string> session_ids) {
  const auto is_refused = [this](const std::string& id) { return !store().TakesSessionId(id); };
  session_ids.erase(std::remove_if(session_ids.begin(), session_ids.end(), is_refused), session_ids.end());
  return session_ids;
}

absl::Time ConformanceTest::Soon() { return absl::Now() + absl::Minutes(2); }

std::vector<absl::StatusOr<Applied>> ConformanceTest::Apply(std::vector<Commit> commits) {
  const std::size_t count = commits.size();
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend().Apply(std::move(commits), Soon(), answer.Done());
  auto results = answer.Await();
  EXPECT_EQ(results.size(), count);
  return results;
}

absl::StatusOr<std::uint64_t> ConformanceTest::Apply(Commit commit) {
  std::vector<Commit> commits;
  commits.push_back(std::move(commit));
  const auto results = Apply(std::move(commits));
  if (!results.front().ok()) return results.front().status();
  return results.front()->revision;
}

std::uint64_t ConformanceTest::MustApply(Commit commit) {
  const auto revision = Apply(std::move(commit));
  EXPECT_TRUE(revision.ok()) << revision.status();
  return revision.value_or(0);
}

std::vector<absl::StatusOr<ReadResult>> ConformanceTest::Read(std::vector<ReadRequest> requests) {
  const std::size_t count = requests.size();
  Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
  backend().Read(std::move(requests), Soon(), answer.Done());
  auto results = answer.Await();
  EXPECT_EQ(results.size(), count);
  return results;
}

absl::StatusOr<ReadResult> ConformanceTest::Read(ReadRequest request) {
  std::vector<ReadRequest> requests;
  requests.push_back(std::move(request));
  return Read(std::move(requests)).front();
}

ReadResult ConformanceTest::MustRead(std::string session_id, std::vector<KeyName> keys) {
  ReadRequest request;
  request.session_id = std::move(session_id);
  request.want_creds = true;
  request.keys = std::move(keys);
  const std::size_t count = request.keys.size();
  auto result = Read(std::move(request));
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) result.emplace().values.resize(count);
  EXPECT_EQ(result->values.size(), count);
  return *std::move(result);
}

std::optional<Value> ConformanceTest::Key(std::string session_id, KeyName name) {
  return MustRead(std::move(session_id), {std::move(name)}).values.front();
}

absl::StatusOr<std::unique_ptr<Snapshot>> ConformanceTest::Open(std::string session_id) {
  Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
  backend().OpenSnapshot({std::move(session_id)}, Soon(), answer.Done());
  return answer.Await();
}

absl::StatusOr<Snapshot::Page> ConformanceTest::Next(Snapshot& snapshot, std::size_t max_bytes) {
  Answer<absl::StatusOr<Snapshot::Page>> answer;
  snapshot.Next(max_bytes, Soon(), answer.Done());
  return answer.Await();
}

std::vector<KeyWrite> ConformanceTest::Drain(Snapshot& snapshot, std::size_t max_bytes) {
  std::vector<KeyWrite> keys;
  while (true) {
    auto page = Next(snapshot, max_bytes);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return keys;
    for (KeyWrite& key : page->keys) keys.push_back(std::move(key));
    if (page->last) break;
  }
  if (HideKeyIdsOfEnvironment()) {
    std::sort(keys.begin(), keys.end(), [](const KeyWrite& a, const KeyWrite& b) { return a.name < b.name; });
  }
  return keys;
}

std::optional<WholeSession> ConformanceTest::Whole(const std::string& session_id) {
  constexpr std::size_t kPageBytes = std::size_t{1} << 20;
  auto snapshot = Open(session_id);
  if (!snapshot.ok()) {
    EXPECT_TRUE(absl::IsNotFound(snapshot.status())) << snapshot.status();
    return std::nullopt;
  }
  WholeSession whole;
  whole.revision = (*snapshot)->revision();
  whole.creds = (*snapshot)->creds();
  for (KeyWrite& key : Drain(**snapshot, kPageBytes)) {
    EXPECT_TRUE(whole.keys.emplace(std::move(key.name), std::move(key.value)).second) << "a key came twice";
  }
  return whole;
}

absl::StatusOr<std::vector<SessionSummary>> ConformanceTest::List(ListRequest request) {
  Answer<absl::StatusOr<std::vector<SessionSummary>>> answer;
  backend().List(std::move(request), Soon(), answer.Done());
  return answer.Await();
}

std::vector<std::string> ConformanceTest::ListIds(ListRequest request) {
  const auto summaries = List(std::move(request));
  EXPECT_TRUE(summaries.ok()) << summaries.status();
  std::vector<std::string> session_ids;
  if (summaries.ok()) {
    for (const SessionSummary& summary : *summaries) session_ids.push_back(summary.session_id);
  }
  return session_ids;
}

testing::AssertionResult StatusIs(const absl::Status& status, absl::StatusCode code, absl::string_view reason) {
  if (status.code() == code && storage::ReasonOf(status) == std::string(reason)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "is " << status << ", not " << absl::StatusCodeToString(code) << " with "
                                     << reason;
}

testing::AssertionResult IsNotApplied(const absl::Status& status) {
  if (!status.ok() && storage::OutcomeOf(status) == storage::Outcome::kNotApplied) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status << " does not say that nothing was applied";
}

}  // namespace conformance
}  // namespace authstate
