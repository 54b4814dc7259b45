// What large commits and reads cost on tables of which the planner knows nothing yet.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/postgres_backend_test.h"
#include "tests/support/legacy_tables.h"

namespace authstate::storage {
namespace {

constexpr std::int64_t kKeys = 2000;
// More often than the database plans a prepared statement anew.
constexpr int kRounds = 8;

class LegacyLargeCommitTest : public PostgresBackendTest {
 protected:
  void SetUp() override {
    PostgresBackendTest::SetUp();
    absl::Status made = test::CreateLegacyTables(url(), test::LegacyTables::kPlain);
    made.Update(TestPostgres::Run(url(), "ALTER TABLE whatsapp_keys SET (autovacuum_enabled = off)"));
    ASSERT_TRUE(made.ok()) << made;
    for (std::int64_t i = 0; i < kKeys; ++i) {
      names_.push_back({"pre-key", absl::StrCat(i)});
      sets_.push_back({names_.back(), {ValueKind::kRaw, "v"}});
    }
    options().connections = 2;
    Open();
  }

  void MustApply(Commit commit) {
    commit.session_id = "s";
    const auto results = Apply({std::move(commit)});
    ASSERT_TRUE(results.front().ok()) << results.front().status();
    revision_ = results.front()->revision;
  }
  void MustReadAll() {
    const auto results = Read(std::vector<ReadRequest>{{"s", false, names_}});
    ASSERT_TRUE(results.front().ok()) << results.front().status();
    for (const auto& value : results.front()->values) ASSERT_TRUE(value.has_value());
  }

  // Entries that were read in the indexes of whatsapp_keys since it was made; closes the backend, as a connection tells
  // what it did when it ends at the latest.
  std::int64_t EntriesRead() {
    Close();
    const absl::Status told = TestPostgres::AwaitAnswer(
        url(),
        absl::StrCat("SELECT n_tup_ins + n_tup_upd + n_tup_del >= ", written_,
                     " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'authstated') "
                     "FROM pg_stat_user_tables WHERE relname = 'whatsapp_keys'"),
        "t");
    EXPECT_TRUE(told.ok()) << told;
    const auto answer = TestPostgres::Query(
        url(), "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'whatsapp_keys'");
    EXPECT_TRUE(answer.ok()) << answer.status();
    std::int64_t entries = -1;
    EXPECT_TRUE(absl::SimpleAtoi(answer.value_or(""), &entries));
    return entries;
  }

  std::vector<KeyName> names_;
  std::vector<KeyWrite> sets_;
  std::uint64_t revision_ = 0;
  std::int64_t written_ = 0;
};

// In proportion to their keys: a loop that reads all keys of the session for each would read 4,000,000 entries a
// commit.
TEST_F(LegacyLargeCommitTest, ReadsEachKeyAFewTimesOnTablesWithoutStatistics) {
  Commit all;
  all.sets = sets_;
  MustApply(all);
  // From here on there is a plan that is kept, for small commits to these tables.
  Commit small;
  small.sets = {sets_.front()};
  for (int i = 0; i < kRounds; ++i) MustApply(small);
  for (int i = 0; i < kRounds; ++i) {
    Commit set;
    set.sets = sets_;
    MustApply(set);
    set.expected_revision = revision_;
    MustApply(set);
    MustReadAll();
    Commit removal;
    removal.deletes = names_;
    if (i % 2 == 1) removal.expected_revision = revision_;
    MustApply(removal);
    written_ += 3 * kKeys;
  }
  // Each round touches every key four times. An index may also be asked for versions that are dead.
  EXPECT_LT(EntriesRead(), kKeys * kRounds * 4 * 10);
}

}  // namespace
}  // namespace authstate::storage
