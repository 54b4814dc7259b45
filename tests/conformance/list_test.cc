// Listings: order, prefix, place, size, and what is told of each session.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"

namespace authstate::conformance {
namespace {

using Ids = std::vector<std::string>;

constexpr std::size_t kAll = 1000;

class ListTest : public ConformanceTest {
 protected:
  void Create(const Ids& session_ids) {
    std::vector<storage::Commit> batch;
    for (const std::string& session_id : session_ids) batch.push_back(SetCreds(session_id, Json("{}")));
    for (const auto& result : Apply(std::move(batch))) ASSERT_TRUE(result.ok()) << result.status();
  }

  storage::Lease Acquire(std::string session_id, std::string owner, absl::Duration ttl) {
    Answer<std::vector<absl::StatusOr<storage::LeaseResult>>> answer;
    backend().Leases({conformance::Acquire(std::move(session_id), std::move(owner), ttl)}, Soon(), answer.Done());
    const auto results = answer.Await();
    EXPECT_TRUE(results[0].ok()) << results[0].status();
    return results[0].ok() ? results[0]->lease : storage::Lease();
  }
};

TEST_F(ListTest, OfAnEmptyStoreIsEmpty) { EXPECT_EQ(ListIds({"", "", kAll}), Ids{}); }

TEST_F(ListTest, IsOrderedByBytes) {
  Ids session_ids =
      Taken({"b", "a", "B", "A", "a-b", "a.b", "a:b", "a@b", "a_b", "aB", "ab", "10", "9", "1", "Z", "_", "-"});
  Create(session_ids);
  std::sort(session_ids.begin(), session_ids.end());
  EXPECT_EQ(ListIds({"", "", kAll}), session_ids);
}

TEST_F(ListTest, PrefixIsTakenByItsLetters) {
  Create(Taken({"a", "a_", "a_1", "ab", "a_b", "A_1", "b", "a`"}));
  EXPECT_EQ(ListIds({"a_", "", kAll}), (Ids{"a_", "a_1", "a_b"}));
  EXPECT_EQ(ListIds({"a", "", kAll}), Taken({"a", "a_", "a_1", "a_b", "a`", "ab"}));
  EXPECT_EQ(ListIds({"c", "", kAll}), Ids{});
  EXPECT_EQ(ListIds({"a_1x", "", kAll}), Ids{});
}

TEST_F(ListTest, BeginsAfterTheGivenId) {
  Create({"a", "b", "c", "d"});
  EXPECT_EQ(ListIds({"", "b", kAll}), (Ids{"c", "d"}));
  EXPECT_EQ(ListIds({"", "bb", kAll}), (Ids{"c", "d"}));
  EXPECT_EQ(ListIds({"", "d", kAll}), Ids{});
}

TEST_F(ListTest, PrefixAndPlaceHoldTogether) {
  Create({"a1", "a2", "a3", "b1"});
  EXPECT_EQ(ListIds({"a", "a1", kAll}), (Ids{"a2", "a3"}));
  EXPECT_EQ(ListIds({"b", "a1", kAll}), (Ids{"b1"}));
  EXPECT_EQ(ListIds({"a", "b", kAll}), Ids{});
}

TEST_F(ListTest, PagesHaveEverySessionOnce) {
  Ids session_ids;
  for (int i = 0; i < 25; ++i) session_ids.push_back(absl::StrCat("s", i));
  Create(session_ids);
  Create({"r", "t"});
  std::sort(session_ids.begin(), session_ids.end());

  constexpr std::size_t kLimit = 10;
  Ids listed;
  std::vector<std::size_t> sizes;
  do {
    const Ids page = ListIds({"s", listed.empty() ? "" : listed.back(), kLimit});
    listed.insert(listed.end(), page.begin(), page.end());
    sizes.push_back(page.size());
  } while (sizes.back() == kLimit);
  EXPECT_EQ(listed, session_ids);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 5}));
}

TEST_F(ListTest, TellsOfEachSession) {
  MustApply(SetKeys("keys", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}, {{"u", "1"}, Raw("3")}}));
  MustApply(DeleteKeys("keys", {{"t", "1"}}));
  MustApply(SetCreds("creds", Json("{}")));

  const auto listed = List({"", "", kAll});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 2U);
  const auto& creds = listed->at(0);
  EXPECT_EQ(creds.session_id, "creds");
  EXPECT_EQ(creds.revision, 1U);
  EXPECT_TRUE(creds.has_creds);
  EXPECT_EQ(creds.key_count, 0U);
  const auto& keys = listed->at(1);
  EXPECT_EQ(keys.session_id, "keys");
  EXPECT_EQ(keys.revision, 2U);
  EXPECT_FALSE(keys.has_creds);
  EXPECT_EQ(keys.key_count, 2U);
}

TEST_F(ListTest, TellsTheLeaseOfEachSession) {
  Create({"expired", "free", "held"});
  const storage::Lease expired = Acquire("expired", "past", absl::Microseconds(1));
  const storage::Lease held = Acquire("held", "owner", absl::Hours(1));

  const auto listed = List({"", "", kAll});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ(listed->at(0).lease.owner, "past");
  EXPECT_EQ(listed->at(0).lease.fence, expired.fence);
  EXPECT_FALSE(listed->at(0).lease.live());
  EXPECT_FALSE(listed->at(1).lease.held());
  EXPECT_EQ(listed->at(1).lease.fence, 0U);
  EXPECT_EQ(listed->at(2).lease.owner, "owner");
  EXPECT_EQ(listed->at(2).lease.fence, held.fence);
  EXPECT_EQ(listed->at(2).lease.expire_time, held.expire_time);
  EXPECT_GT(listed->at(2).lease.remaining, absl::Minutes(30));
  EXPECT_LE(listed->at(2).lease.remaining, absl::Hours(1));
}

TEST_F(ListTest, OfTheLeasedHasThoseThatAreNotWrittenToo) {
  Create({"a-expired", "a-free", "a-held", "b-held"});
  Acquire("a-expired", "past", absl::Microseconds(1));
  for (const char* const session_id : {"a-held", "a-new", "b-held"}) Acquire(session_id, "owner", absl::Hours(1));
  EXPECT_EQ(ListIds({"", "", kAll, true}), (Ids{"a-held", "a-new", "b-held"}));
  EXPECT_EQ(ListIds({"a", "", kAll, true}), (Ids{"a-held", "a-new"}));
  EXPECT_EQ(ListIds({"", "a-held", 1, true}), Ids{"a-new"});
  EXPECT_EQ(ListIds({"a", "", kAll}), (Ids{"a-expired", "a-free", "a-held"}));
  MustApply(DeleteSession("a-free"));
  EXPECT_EQ(ListIds({"", "", kAll, true}), (Ids{"a-held", "a-new", "b-held"}));
}

TEST_F(ListTest, UpdateTimeMovesWithEveryCommit) {
  const auto update_time = [this] {
    const auto listed = List({"", "", kAll});
    EXPECT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
    return listed.ok() && !listed->empty() ? listed->front().update_time : absl::InfinitePast();
  };
  // The clock is the database's, which may differ from ours; but it is the same clock each time.
  MustApply(SetCreds("s", Json("{}")));
  const absl::Time first = update_time();
  EXPECT_GT(first, absl::UnixEpoch());
  EXPECT_EQ(update_time(), first);
  // A clock may stand still for one tick; it does not for many commits.
  for (int i = 0; i < 100; ++i) MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}}));
  EXPECT_GT(update_time(), first);
}

TEST_F(ListTest, HasThoseWithCredsOrThoseWithout) {
  Create({"a", "c"});
  MustApply(SetKeys("b", {{{"t", "1"}, Raw("v")}}));
  Acquire("new", "owner", absl::Hours(1));
  storage::ListRequest request{"", "", kAll};
  request.has_creds = true;
  EXPECT_EQ(ListIds(request), (Ids{"a", "c"}));
  request.after = "a";
  request.limit = 1;
  EXPECT_EQ(ListIds(request), Ids{"c"});
  request = {"", "", kAll};
  request.has_creds = false;
  EXPECT_EQ(ListIds(request), Ids{"b"});
  request.leased = true;
  EXPECT_EQ(ListIds(request), Ids{"new"});
}

TEST_F(ListTest, TellsTheBytesStoredIfAsked) {
  std::string noise;
  for (unsigned number = 1; noise.size() < 3'000; number = number * 1'103'515'245 + 12'345) {
    noise.push_back(static_cast<char>(number >> 16));
  }
  MustApply(SetKeys("keys", {{{"t", "1"}, Raw(noise.substr(0, 1'000))}, {{"t", "2"}, Raw(noise.substr(1'000))}}));
  storage::Commit both = SetKeys("more", {{{"t", "1"}, Raw(noise)}});
  both.creds = Json("{}");
  MustApply(both);
  storage::ListRequest request{"", "", kAll};
  const auto unasked = List(request);
  ASSERT_TRUE(unasked.ok() && unasked->size() == 2) << unasked.status();
  EXPECT_EQ(unasked->front().stored_bytes, 0U);
  request.want_size = true;
  const auto listed = List(request);
  ASSERT_TRUE(listed.ok() && listed->size() == 2) << listed.status();
  // A store may keep base64, and add what belongs to a value.
  for (const auto& session : *listed) {
    EXPECT_GE(session.stored_bytes, noise.size());
    EXPECT_LT(session.stored_bytes, 2 * noise.size());
  }
  const std::uint64_t with_creds = listed->at(1).stored_bytes;
  MustApply(DeleteCreds("more"));
  EXPECT_LT(List(request)->at(1).stored_bytes, with_creds);
}

// The clock is the store's, so it is read by writing; see selection_test.cc.
TEST_F(ListTest, UnwrittenForLeavesOutWhatWasWrittenSince) {
  constexpr absl::Duration kAge = absl::Milliseconds(500);
  Create({"old"});
  const auto update_time = [this](const std::string& session_id) {
    const auto listed = List({session_id, "", 1});
    EXPECT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
    return listed.ok() && !listed->empty() ? listed->front().update_time : absl::InfinitePast();
  };
  storage::ListRequest request{"", "", kAll};
  request.unwritten_for = kAge;
  bool told_apart = false;
  for (const absl::Time limit = Soon(); !told_apart && absl::Now() < limit;) {
    Create({"clock", "young"});
    const absl::Time young = update_time("young");
    const Ids found = ListIds(request);
    Create({"clock"});
    const bool has_young = std::find(found.begin(), found.end(), "young") != found.end();
    const bool has_old = std::find(found.begin(), found.end(), "old") != found.end();
    EXPECT_TRUE(has_old || update_time("old") > young - kAge);
    EXPECT_TRUE(!has_young || young <= update_time("clock") - kAge);
    told_apart = found == Ids{"old"};
  }
  EXPECT_TRUE(told_apart);
  request.unwritten_for = absl::Hours(1);
  EXPECT_EQ(ListIds(request), Ids{});
  request.unwritten_for = absl::ZeroDuration();
  EXPECT_EQ(ListIds(request), (Ids{"clock", "old", "young"}));
}

TEST_F(ListTest, LeavesOutDeletedSessions) {
  Create({"a", "b", "c"});
  MustApply(DeleteSession("b"));
  EXPECT_EQ(ListIds({"", "", kAll}), (Ids{"a", "c"}));
  EXPECT_EQ(ListIds({"", "", 2}), (Ids{"a", "c"}));
  MustApply(SetKeys("b", {{{"t", "1"}, Raw("v")}}));
  EXPECT_EQ(ListIds({"", "", kAll}), (Ids{"a", "b", "c"}));
}

TEST_F(ListTest, GoneSessionsAreThereWhereTheyAreWanted) {
  Create({"a", "b"});
  MustApply(DeleteSession("b"));
  Acquire("c", "pool", absl::Hours(1));
  storage::ListRequest request{"", "", kAll};
  request.with_gone = true;
  EXPECT_EQ(ListIds(request), (Ids{"a", "b", "c"}));
  const auto listed = List(request);
  ASSERT_TRUE(listed.ok() && listed->size() == 3) << listed.status();
  EXPECT_EQ(listed->at(1).revision, 2U);
  EXPECT_EQ(listed->at(1).key_count, 0U);
  EXPECT_EQ(listed->at(2).lease.owner, "pool");
  request.after = "a";
  request.limit = 1;
  EXPECT_EQ(ListIds(request), Ids{"b"});
}

}  // namespace
}  // namespace authstate::conformance
