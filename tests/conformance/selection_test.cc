// Snapshots of a part of a session: some types, keys that have not changed for long, no creds, no values.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::KeyName;
using storage::KeySummary;
using storage::SnapshotRequest;

constexpr std::size_t kAllBytes = std::size_t{1} << 20;

class SelectionTest : public ConformanceTest {
 protected:
  // What a snapshot has, over pages of at most `max_bytes`.
  struct Selection {
    std::optional<Value> creds;
    std::vector<KeyName> names;
    std::map<KeyName, Value> values;
    std::map<KeyName, KeySummary> summaries;
    int pages = 0;
  };

  Selection Select(SnapshotRequest request, std::size_t max_bytes = kAllBytes) {
    Selection selection;
    Answer<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> opened;
    backend().OpenSnapshot(std::move(request), Soon(), opened.Done());
    const auto snapshot = opened.Await();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) return selection;
    selection.creds = (*snapshot)->creds();
    for (bool last = false; !last;) {
      const auto page = Next(**snapshot, max_bytes);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return selection;
      EXPECT_TRUE(page->last || !page->empty());
      for (const storage::KeyWrite& key : page->keys) {
        selection.names.push_back(key.name);
        selection.values.emplace(key.name, key.value);
      }
      for (const KeySummary& key : page->summaries) {
        selection.names.push_back(key.name);
        selection.summaries.emplace(key.name, key);
      }
      ++selection.pages;
      last = page->last;
    }
    // Else they are in order by themselves.
    if (backend().Describe().hides_key_ids) std::sort(selection.names.begin(), selection.names.end());
    return selection;
  }

  static SnapshotRequest Types(std::vector<std::string> types) {
    SnapshotRequest request{"s"};
    request.types = std::move(types);
    return request;
  }
  static SnapshotRequest WithoutValues(std::vector<std::string> types = {}) {
    SnapshotRequest request = Types(std::move(types));
    request.want_values = false;
    return request;
  }

  void WriteSome() {
    storage::Commit commit = SetKeys("s", {{{"a", "1"}, Raw("a1")},
                                           {{"a", "2"}, Raw("a2")},
                                           {{"ab", "1"}, Raw("ab1")},
                                           {{"b", "1"}, Raw("b1")},
                                           {{"c", "1"}, Json("3")}});
    commit.creds = Json(R"({"me":{}})");
    MustApply(commit);
    MustApply(SetKeys("t", {{{"a", "3"}, Raw("other")}}));
  }
};

TEST_F(SelectionTest, OfTypesHasTheirKeysAndTheCreds) {
  WriteSome();
  const Selection selection = Select(Types({"c", "a"}));
  EXPECT_EQ(selection.creds, Json(R"({"me":{}})"));
  EXPECT_EQ(selection.names, (std::vector<KeyName>{{"a", "1"}, {"a", "2"}, {"c", "1"}}));
  EXPECT_EQ(selection.values.at({"a", "2"}), Raw("a2"));
  EXPECT_EQ(selection.values.at({"c", "1"}), Json("3"));
}

TEST_F(SelectionTest, OfATypeWithoutKeysIsOneEmptyPage) {
  WriteSome();
  for (const char* const type : {"A", "aa", "z"}) {
    const Selection selection = Select(Types({type}));
    EXPECT_EQ(selection.names, std::vector<KeyName>{}) << type;
    EXPECT_EQ(selection.pages, 1) << type;
  }
}

TEST_F(SelectionTest, WithoutCredsHasTheKeysAlone) {
  WriteSome();
  SnapshotRequest request{"s"};
  request.want_creds = false;
  const Selection selection = Select(std::move(request));
  EXPECT_FALSE(selection.creds.has_value());
  EXPECT_EQ(selection.values.size(), 5U);
}

TEST_F(SelectionTest, OfNoSessionIsNotFound) {
  Answer<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> opened;
  backend().OpenSnapshot(WithoutValues({"a"}), Soon(), opened.Done());
  EXPECT_TRUE(FailsWith(opened.Await(), absl::StatusCode::kNotFound, storage::kNoSession));
}

TEST_F(SelectionTest, WithoutValuesHasNamesInOrderAndSizes) {
  WriteSome();
  MustApply(SetKeys("s", {{{"b", "2"}, Raw(std::string(100'000, 'x'))}}));
  const Selection selection = Select(WithoutValues());
  EXPECT_EQ(selection.creds, Json(R"({"me":{}})"));
  EXPECT_TRUE(selection.values.empty());
  EXPECT_EQ(selection.names,
            (std::vector<KeyName>{{"a", "1"}, {"a", "2"}, {"ab", "1"}, {"b", "1"}, {"b", "2"}, {"c", "1"}}));
  for (const auto& [name, key] : selection.summaries) EXPECT_GT(key.stored_bytes, 0U) << name.id;
  EXPECT_EQ(Select(WithoutValues({"b"})).names, (std::vector<KeyName>{{"b", "1"}, {"b", "2"}}));
}

TEST_F(SelectionTest, SizesAreThoseThatTheListingAddsUp) {
  WriteSome();
  MustApply(DeleteCreds("s"));
  std::uint64_t bytes = 0;
  for (const auto& [name, key] : Select(WithoutValues()).summaries) bytes += key.stored_bytes;
  storage::ListRequest request{"s", "", 1};
  request.want_size = true;
  const auto listed = List(request);
  ASSERT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
  EXPECT_EQ(listed->front().stored_bytes, bytes);
}

TEST_F(SelectionTest, PagesOfSummariesCountNamesAlone) {
  storage::Commit commit;
  commit.session_id = "s";
  for (int i = 0; i < 10; ++i) commit.sets.push_back({{"t", absl::StrFormat("%04d", i)}, Raw(std::string(5'000, 'v'))});
  MustApply(commit);
  const std::size_t three = 3 * storage::ByteSize({"t", "0000"}, 0);
  EXPECT_EQ(Select(WithoutValues(), 1).pages, 10);
  // Hidden ids are in the values, which count then.
  if (backend().Describe().hides_key_ids) return;
  EXPECT_EQ(Select(WithoutValues(), three).pages, 4);
  EXPECT_EQ(Select(WithoutValues(), three - 1).pages, 5);
}

TEST_F(SelectionTest, KeysThatAreNotAskedForFillNoPage) {
  storage::Commit commit;
  commit.session_id = "s";
  for (int i = 0; i < 1'000; ++i) commit.sets.push_back({{"m", absl::StrCat(i)}, Raw(std::string(100, 'v'))});
  commit.sets.push_back({{"a", "first"}, Raw(std::string(20'000, 'a'))});
  commit.sets.push_back({{"z", "last"}, Raw(std::string(20'000, 'z'))});
  MustApply(commit);
  const std::vector<KeyName> both = {{"a", "first"}, {"z", "last"}};
  const Selection together = Select(Types({"a", "z"}), 100'000);
  EXPECT_EQ(together.names, both);
  EXPECT_EQ(together.pages, 1);
  const Selection apart = Select(Types({"a", "z"}), 1'000);
  EXPECT_EQ(apart.names, both);
  EXPECT_EQ(apart.pages, 2);
}

TEST_F(SelectionTest, TimeOfAKeyMovesWhenItIsWrittenAndWithNothingElse) {
  WriteSome();
  const auto times = [this] {
    std::map<KeyName, absl::Time> found;
    for (const auto& [name, key] : Select(WithoutValues()).summaries) {
      EXPECT_TRUE(key.change_time.has_value()) << name.type;
      found[name] = key.change_time.value_or(absl::InfinitePast());
    }
    return found;
  };
  const std::map<KeyName, absl::Time> before = times();
  std::map<KeyName, absl::Time> after = before;
  // A clock may stand still for one tick; it does not for many commits. The value stays the same.
  for (int i = 0; i < 100 && after[{"a", "2"}] == before.at({"a", "2"}); ++i) {
    MustApply(SetKeys("s", {{{"a", "2"}, Raw("a2")}}));
    after = times();
  }
  EXPECT_GT(after.at({"a", "2"}), before.at({"a", "2"}));
  for (const auto& [name, time] : before) {
    EXPECT_TRUE(name == (KeyName{"a", "2"}) || after.at(name) == time) << name.type << " " << name.id;
  }
}

// The clock is the store's, so it is read by writing: what was written so long before the last reading before the
// snapshot has to be there, and what was written later than that before the first reading after it must not.
TEST_F(SelectionTest, UnchangedForLeavesOutWhatWasWrittenSince) {
  constexpr absl::Duration kAge = absl::Milliseconds(500);
  const auto clock = [this] {
    MustApply(SetCreds("clock", Json("{}")));
    const auto listed = List({"clock", "", 1});
    EXPECT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
    return listed.ok() && !listed->empty() ? listed->front().update_time : absl::InfinitePast();
  };
  MustApply(SetKeys("s", {{{"t", "old"}, Raw("v")}, {{"u", "old"}, Raw("v")}}));
  SnapshotRequest request = WithoutValues({"t"});
  request.unchanged_for = kAge;
  bool told_apart = false;
  for (const absl::Time limit = Soon(); !told_apart && absl::Now() < limit;) {
    MustApply(SetKeys("s", {{{"t", "young"}, Raw("v")}}));
    const auto all = Select(WithoutValues()).summaries;
    const absl::Time before = clock();
    const std::vector<KeyName> found = Select(request).names;
    const absl::Time after = clock();
    for (const char* const id : {"old", "young"}) {
      const KeyName name{"t", id};
      const bool is_found = std::find(found.begin(), found.end(), name) != found.end();
      EXPECT_TRUE(is_found || all.at(name).change_time > before - kAge) << id;
      EXPECT_TRUE(!is_found || all.at(name).change_time <= after - kAge) << id;
    }
    told_apart = found == std::vector<KeyName>{{"t", "old"}};
  }
  EXPECT_TRUE(told_apart);
  request.unchanged_for = absl::Hours(1);
  EXPECT_EQ(Select(request).names, std::vector<KeyName>{});
  request.unchanged_for = absl::ZeroDuration();
  EXPECT_EQ(Select(request).names, (std::vector<KeyName>{{"t", "old"}, {"t", "young"}}));
}

}  // namespace
}  // namespace authstate::conformance
