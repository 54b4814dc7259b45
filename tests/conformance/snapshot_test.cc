// Snapshots: one moment of a session, in pages, whatever is written meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "contract/limits.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::Commit;
using storage::KeyWrite;

constexpr std::size_t kAllBytes = std::size_t{1} << 20;

std::vector<KeyWrite> Numbered(int count, std::size_t bytes, char fill = 'v') {
  std::vector<KeyWrite> keys;
  keys.reserve(count);
  for (int i = 0; i < count; ++i) {
    keys.push_back({{"pre-key", absl::StrFormat("%04d", i)}, Raw(std::string(bytes, fill))});
  }
  return keys;
}

bool SameKeys(const std::vector<KeyWrite>& a, const std::vector<KeyWrite>& b) {
  const auto same = [](const KeyWrite& left, const KeyWrite& right) {
    return left.name == right.name && left.value == right.value;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

std::vector<KeyWrite> ByName(std::vector<KeyWrite> keys) {
  std::sort(keys.begin(), keys.end(), [](const KeyWrite& a, const KeyWrite& b) { return a.name < b.name; });
  return keys;
}

class SnapshotTest : public ConformanceTest {};

TEST_F(SnapshotTest, OfNoSessionIsNotFound) {
  EXPECT_TRUE(FailsWith(Open("never"), absl::StatusCode::kNotFound, storage::kNoSession));
  MustApply(SetCreds("deleted", Json("{}")));
  MustApply(DeleteSession("deleted"));
  EXPECT_TRUE(FailsWith(Open("deleted"), absl::StatusCode::kNotFound, storage::kNoSession));
}

TEST_F(SnapshotTest, HasCredsRevisionAndKeysInOrder) {
  Commit commit = SetKeys("s", {{{"b", "1"}, Raw("b1")}, {{"a", "2"}, Json("2")}, {{"a", "1"}, Raw("a1")}});
  commit.creds = Json("{}");
  MustApply(commit);
  MustApply(SetKeys("s", {{{"c", "1"}, Raw("c1")}}));
  MustApply(SetKeys("t", {{{"c", "2"}, Raw("other")}}));

  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->revision(), 2U);
  EXPECT_EQ((*snapshot)->creds(), Json("{}"));
  EXPECT_TRUE(
      SameKeys(Drain(**snapshot, kAllBytes),
               {{{"a", "1"}, Raw("a1")}, {{"a", "2"}, Json("2")}, {{"b", "1"}, Raw("b1")}, {{"c", "1"}, Raw("c1")}}));
}

TEST_F(SnapshotTest, WithoutKeysHasOneLastPage) {
  MustApply(SetCreds("s", Json("{}")));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  const auto page = Next(**snapshot, kAllBytes);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->keys.empty());
  EXPECT_TRUE(page->last);
}

TEST_F(SnapshotTest, PagesHoldAsMuchAsFits) {
  constexpr std::size_t kValueBytes = 1000;
  MustApply(SetKeys("s", Numbered(10, kValueBytes)));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  // Where ids are hidden, a hash of 22 bytes has the place of one, which stands in the value with its length of 2.
  const std::size_t more = backend().Describe().hides_key_ids ? 22 + 2 : 0;
  const std::size_t three = 3 * (storage::ByteSize({"pre-key", "0000"}, kValueBytes) + more);
  // One byte less holds two keys, however little of each is stored, and 1 none: then one comes all the same.
  for (const auto& [max_bytes, keys] :
       std::vector<std::pair<std::size_t, std::size_t>>{{three, 3}, {three - 1, 2}, {1, 1}}) {
    const auto page = Next(**snapshot, max_bytes);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->keys.size(), keys) << max_bytes;
    EXPECT_FALSE(page->last);
  }
  const auto rest = Next(**snapshot, kAllBytes);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->keys.size(), 4U);
  EXPECT_TRUE(rest->last);
}

TEST_F(SnapshotTest, PagesOfAnySizeGiveTheSameKeys) {
  const std::vector<KeyWrite> keys = Numbered(1000, 50);
  MustApply(SetKeys("s", keys));
  for (const std::size_t max_bytes : {std::size_t{1999}, std::size_t{2000}, std::size_t{50'000}, kMaxLoadPageBytes}) {
    auto snapshot = Open("s");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_TRUE(SameKeys(Drain(**snapshot, max_bytes), keys)) << max_bytes;
  }
}

TEST_F(SnapshotTest, LargeValuesComeInPagesOfTheirOwn) {
  const std::vector<KeyWrite> keys = Numbered(3, kMaxValueBytes);
  MustApply(SetKeys("s", keys));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto page = Next(**snapshot, kDefaultLoadPageBytes);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->keys.size(), 1U);
    EXPECT_TRUE(page->keys[0].value == keys[i].value);
    EXPECT_EQ(page->last, i + 1 == keys.size());
  }
}

TEST_F(SnapshotTest, PagesOfLongNamesAreBoundedThoughTheirValuesAreEmpty) {
  constexpr int kKeys = 1000;
  constexpr int kLongIdBytes = static_cast<int>(kMaxKeyIdBytes);
  constexpr std::size_t kPageBytes = std::size_t{64} << 10;
  Commit commit;
  commit.session_id = "s";
  for (int i = 0; i < kKeys; ++i) {
    commit.sets.push_back({{"pre-key", absl::StrFormat("%0*d", kLongIdBytes, i)}, Raw("")});
  }
  MustApply(commit);
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  std::vector<KeyWrite> read;
  for (bool last = false; !last;) {
    auto page = Next(**snapshot, kPageBytes);
    ASSERT_TRUE(page.ok()) << page.status();
    std::size_t bytes = 0;
    for (const KeyWrite& key : page->keys) bytes += key.name.type.size() + key.name.id.size();
    ASSERT_LE(bytes, kPageBytes);
    last = page->last;
    for (KeyWrite& key : page->keys) read.push_back(std::move(key));
  }
  EXPECT_TRUE(SameKeys(ByName(read), commit.sets));
}

TEST_F(SnapshotTest, EmptyValuesDoNotEndThePages) {
  const std::vector<KeyWrite> keys = Numbered(20, 0);
  MustApply(SetKeys("s", keys));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_TRUE(SameKeys(Drain(**snapshot, 1), keys));
}

TEST_F(SnapshotTest, StaysAtItsMomentWhileTheSessionIsWritten) {
  const std::vector<KeyWrite> keys = Numbered(100, 100, 'a');
  Commit commit = SetKeys("s", keys);
  commit.creds = Json("1");
  MustApply(commit);

  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  std::vector<KeyWrite> read;
  for (int i = 0;; ++i) {
    auto page = Next(**snapshot, 1000);
    ASSERT_TRUE(page.ok()) << page.status();
    for (KeyWrite& key : page->keys) read.push_back(std::move(key));
    if (page->last) break;
    Commit change = SetKeys("s", Numbered(100, 100, 'b'));
    change.sets.push_back({{"pre-key", absl::StrCat("new", i)}, Raw("new")});
    change.deletes = {{"pre-key", "0050"}, {"pre-key", "0099"}};
    change.creds = Json("2");
    MustApply(change);
  }
  EXPECT_TRUE(SameKeys(ByName(read), keys));
  EXPECT_EQ((*snapshot)->revision(), 1U);
  EXPECT_EQ((*snapshot)->creds(), Json("1"));
}

TEST_F(SnapshotTest, StaysAtItsMomentWhenTheSessionIsDeleted) {
  const std::vector<KeyWrite> keys = Numbered(100, 100);
  MustApply(SetKeys("s", keys));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  MustApply(DeleteSession("s"));
  EXPECT_TRUE(SameKeys(Drain(**snapshot, 1000), keys));
}

TEST_F(SnapshotTest, MayBeDroppedBeforeItsEndAndOpenedAgain) {
  MustApply(SetKeys("s", Numbered(100, 100)));
  for (int i = 0; i < 50; ++i) {
    auto snapshot = Open("s");
    ASSERT_TRUE(snapshot.ok()) << i << ": " << snapshot.status();
    EXPECT_TRUE(Next(**snapshot, 1000).ok());
  }
}

// Every commit writes the same number into the creds and all keys, so a snapshot that mixed two moments would show it.
TEST_F(SnapshotTest, NeverMixesTwoMomentsUnderConcurrentWrites) {
  const auto write = [](int number) {
    Commit commit;
    commit.session_id = "s";
    for (int i = 0; i < 50; ++i) commit.sets.push_back({{"t", absl::StrCat(i)}, Raw(absl::StrCat(number))});
    commit.creds = Raw(absl::StrCat(number));
    return commit;
  };
  MustApply(write(1));
  for (int round = 0; round < 20; ++round) {
    std::vector<Answer<std::vector<absl::StatusOr<storage::Applied>>>> writes(5);
    for (auto& answer : writes) backend().Apply({write(round)}, Soon(), answer.Done());
    const auto whole = Whole("s");
    for (auto& answer : writes) EXPECT_TRUE(answer.Await().front().ok());
    ASSERT_TRUE(whole.has_value());
    ASSERT_EQ(whole->keys.size(), 50U);
    for (const auto& [name, value] : whole->keys) ASSERT_EQ(value, whole->creds) << name.id;
  }
}

}  // namespace
}  // namespace authstate::conformance
