// What operators see of sessions at home, and do about them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "storage/near/far_homes.h"
#include "storage/sqlite/homes/orphans.h"
#include "storage/write_behind/stores.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kOtherStore[] = "0123456789abcdef0123456789abcdef";

absl::StatusOr<AbandonedHome> Abandon(Backend& far, const std::string& store_id) {
  return AwaitCall<absl::StatusOr<AbandonedHome>>(
      [&](auto done) { AbandonHome(far, "s", store_id, absl::Now() + absl::Minutes(1), std::move(done)); });
}

std::vector<std::string> Listed(Backend& far, const std::string& store_id, const std::string& after = "") {
  const auto homes = AwaitCall<absl::StatusOr<std::vector<FarHome>>>(
      [&](auto done) { ListFarHomes(far, store_id, after, 10, absl::Now() + absl::Minutes(1), std::move(done)); });
  EXPECT_TRUE(homes.ok()) << homes.status();
  std::vector<std::string> sessions;
  for (const FarHome& home : homes.value_or(std::vector<FarHome>())) sessions.push_back(home.session_id);
  return sessions;
}

class OperatorsTest : public testing::Test {
 protected:
  void SetUp() override {
    one_.options().stop_timeout = absl::Milliseconds(100);
    ASSERT_TRUE(one_.Open().ok());
    ASSERT_TRUE(two_.Open().ok());
  }

  absl::StatusOr<LeaseResult> Renew(std::uint64_t fence) {
    LeaseRequest request = AskFor("s");
    request.action = LeaseRequest::Action::kRenew;
    request.fence = fence;
    request.ttl = absl::Hours(1);
    return one_.Lease(request);
  }
  static void MustSet(Server& server, std::uint64_t fence, const std::string& value) {
    const auto applied = server.Apply(SetKey("s", fence, "1", value));
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  // The id of the near store that has the session.
  std::string StoreId() { return ParseHomeOwner(LeaseIn(*far_, "s").owner).value_or(HomeOwner()).store_id; }

  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  Server one_{far_.get(), "one:1"};
  Server two_{far_.get(), "two:2"};
};

TEST_F(OperatorsTest, HomesAreToldWithWhatWasFlushedAndWhereTheyAre) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  two_.Acquire("t", "b");
  EXPECT_THAT(Listed(*far_, ""), testing::ElementsAre("s", "t"));
  EXPECT_THAT(Listed(*far_, StoreId()), testing::ElementsAre("s"));
  EXPECT_THAT(Listed(*far_, "", "s"), testing::ElementsAre("t"));
  EXPECT_THAT(Listed(*far_, kOtherStore), IsEmpty());
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  // Also through the tier that has it at home, where its lease is that of the pool.
  EXPECT_THAT(Listed(one_.backend(), ""), testing::ElementsAre("s", "t"));
  const auto homes = AwaitCall<absl::StatusOr<std::vector<FarHome>>>(
      [&](auto done) { ListFarHomes(*far_, "", "", 10, absl::Now() + absl::Minutes(1), std::move(done)); });
  ASSERT_TRUE(homes.ok());
  EXPECT_EQ(homes->front().revision, 1U);
  EXPECT_TRUE(homes->front().write_time.has_value());
  EXPECT_EQ(homes->front().owner.address, "one:1");
  EXPECT_FALSE(homes->back().write_time.has_value());
}

TEST_F(OperatorsTest, AbandonedHomeThatIsAliveLosesTheSessionAndKeepsAsideWhatItCouldNotFlush) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kAway;
  MustSet(one_, fence, "unflushed");
  const std::string store_id = StoreId();
  const std::uint64_t of_home = LeaseIn(*far_, "s").fence;
  const auto abandoned = Abandon(*far_, store_id);
  ASSERT_TRUE(abandoned.ok()) << abandoned.status();
  EXPECT_TRUE(abandoned->abandoned);
  EXPECT_EQ(abandoned->revision, 1U);
  EXPECT_FALSE(LeaseIn(*far_, "s").held());
  EXPECT_GT(LeaseIn(*far_, "s").fence, of_home);
  // Again, as after an interrupt.
  const auto again = Abandon(*far_, store_id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->abandoned);
  EXPECT_EQ(again->revision, 1 + kRevisionsOfAHome);

  EXPECT_GT(two_.Acquire("s", "b"), fence);
  EXPECT_EQ(two_.Key("s", "1")->bytes, "v");
  EXPECT_EQ(one_.State().orphans, 0U);
  one_.far().mode = FarBehaviour::kWorks;
  while (Renew(fence).ok()) {
  }
  EXPECT_EQ(ReasonOf(Renew(fence).status()), kStaleFence);
  EXPECT_EQ(one_.State().orphans, 1U);
  // Also of those that were there before it started.
  one_.Close();
  ASSERT_TRUE(one_.Open().ok());
  EXPECT_EQ(one_.State().orphans, 1U);
  one_.Close();
  const auto file = OrphanFile::Open(one_.path(), OrphanFile::Purpose::kLook);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto orphans = (*file)->List();
  ASSERT_TRUE(orphans.ok()) << orphans.status();
  ASSERT_EQ(orphans->size(), 1U);
  const auto orphan = (*file)->Read(orphans->front().id, nullptr);
  ASSERT_TRUE(orphan.ok()) << orphan.status();
  ASSERT_EQ(orphan->sets.size(), 1U);
  EXPECT_EQ(orphan->sets.front().value.bytes, "unflushed");
}

TEST_F(OperatorsTest, WhatIsNotAtHomeThereIsNotAbandoned) {
  one_.Acquire("s", "a");
  const Lease before = LeaseIn(*far_, "s");
  const auto elsewhere = Abandon(*far_, kOtherStore);
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_FALSE(elsewhere->abandoned);
  EXPECT_EQ(elsewhere->owner, before.owner);
  EXPECT_EQ(LeaseIn(*far_, "s").fence, before.fence);
}

TEST_F(OperatorsTest, StateTellsWhatIsNotFlushedAndSinceWhen) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kAway;
  for (int i = 0; i < 3; ++i) MustSet(one_, fence, "w");
  while (!one_.State().away_since.has_value()) {
  }
  WriteBehindState state = one_.State();
  EXPECT_EQ(state.store_id, StoreId());
  EXPECT_EQ(state.address, "one:1");
  EXPECT_EQ(state.sessions, 1U);
  EXPECT_EQ(state.dirty_sessions, 1U);
  EXPECT_EQ(state.commits, 3U);
  EXPECT_GT(state.bytes, 0U);
  EXPECT_TRUE(state.oldest.has_value());
  // The same after a restart, but for what was counted by the way.
  one_.Close();
  ASSERT_TRUE(one_.Open().ok());
  state = one_.State();
  EXPECT_EQ(state.commits, 3U);
  EXPECT_TRUE(state.oldest.has_value());
  EXPECT_TRUE(state.away_since.has_value());
  one_.far().mode = FarBehaviour::kWorks;
  while (one_.State().commits > 0 || one_.State().away_since.has_value()) {
  }
  EXPECT_FALSE(one_.State().oldest.has_value());
  EXPECT_EQ(one_.State().bytes, 0U);
}

TEST_F(OperatorsTest, LogTellsWhenTheDatabaseIsAwayAndWhenItHasCaughtUp) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  EXPECT_THAT(one_.Lines(), IsEmpty());
  one_.far().mode = FarBehaviour::kAway;
  MustSet(one_, fence, "w");
  while (one_.Lines().empty()) {
  }
  EXPECT_THAT(one_.Lines(), Contains(HasSubstr("is away")));
  EXPECT_THAT(one_.Lines(), Not(Contains(HasSubstr("caught up"))));
  one_.far().mode = FarBehaviour::kWorks;
  while (one_.Lines().size() < 3) {
  }
  EXPECT_THAT(one_.Lines()[1], HasSubstr("is back"));
  EXPECT_THAT(one_.Lines()[2], HasSubstr("caught up"));
}

TEST_F(OperatorsTest, OutageInWhichNothingIsWrittenIsToldOnceAndGoesOn) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kAway;
  while (one_.far().pings < 3 && one_.Lines().size() < 3) {
  }
  EXPECT_THAT(one_.Lines(), ElementsAre(HasSubstr("is away")));
  EXPECT_TRUE(one_.State().away_since.has_value());
}

// Who is told that the database is away looks for it in vain.
TEST_F(OperatorsTest, MaintenanceIsNoOutage) {
  const auto change = [this](GrantRequest::Action action) {
    GrantRequest request;
    request.action = action;
    request.maintenance.reason = "new disk";
    const auto changed = AwaitCall<absl::StatusOr<GrantResult>>(
        [&](auto done) { far_->Grants(std::move(request), absl::Now() + absl::Minutes(1), std::move(done)); });
    ASSERT_TRUE(changed.ok()) << changed.status();
  };
  Server gated(far_.get(), "gated:1");
  gated.far().gated = true;
  gated.options().stop_timeout = absl::Milliseconds(100);
  ASSERT_TRUE(gated.Open().ok());
  const std::uint64_t fence = gated.Acquire("s", "a");
  MustSet(gated, fence, "v");
  AwaitSame(gated.backend(), *far_, "s");
  change(GrantRequest::Action::kBeginMaintenance);
  while (gated.Lines().empty()) MustSet(gated, fence, "w");
  EXPECT_THAT(gated.Lines().front(), HasSubstr("in maintenance"));
  EXPECT_FALSE(gated.State().away_since.has_value());
  // It may go away in between.
  gated.far().mode = FarBehaviour::kAway;
  while (!gated.State().away_since.has_value()) {
  }
  gated.far().mode = FarBehaviour::kWorks;
  while (gated.Lines().size() < 3) {
  }
  EXPECT_THAT(gated.Lines()[1], HasSubstr("is away"));
  EXPECT_THAT(gated.Lines()[2], HasSubstr("in maintenance"));
  change(GrantRequest::Action::kEndMaintenance);
  while (gated.Lines().size() < 5) {
  }
  EXPECT_THAT(gated.Lines()[3], HasSubstr("maintenance of the database has ended"));
  EXPECT_THAT(gated.Lines()[4], HasSubstr("caught up"));
  AwaitSame(gated.backend(), *far_, "s");
}

}  // namespace
}  // namespace authstate::storage
