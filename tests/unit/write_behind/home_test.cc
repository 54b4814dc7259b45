// How sessions come home and leave: with the far store's consent, and never to two owners.
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/stores.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

using testing::HasSubstr;

class HomeTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(one_.Open().ok());
    ASSERT_TRUE(two_.Open().ok());
  }

  absl::Status TryAcquire(Server& server, const std::string& owner) {
    LeaseRequest request = AskFor("s");
    request.action = LeaseRequest::Action::kAcquire;
    request.owner = owner;
    request.ttl = absl::Hours(1);
    return server.Lease(request).status();
  }
  absl::StatusOr<LeaseResult> Renew(Server& server, std::uint64_t fence) {
    LeaseRequest request = AskFor("s");
    request.action = LeaseRequest::Action::kRenew;
    request.fence = fence;
    request.ttl = absl::Hours(1);
    return server.Lease(request);
  }
  static void MustSet(Server& server, std::uint64_t fence, const std::string& value, std::uint64_t number = 0) {
    Commit commit = SetKey("s", fence, "1", value);
    commit.number = number;
    const auto applied = server.Apply(commit);
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  // Until the copies of the server, of which one stays, were looked at that there are now.
  static void AwaitLooks(Server& server) {
    const int before = server.far().leases;
    while (server.far().leases < before + 2) {
    }
  }
  bool IsHome() { return absl::StartsWith(LeaseIn(*far_, "s").owner, kHomeOwnerPrefix); }

  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  Server one_{far_.get(), "one:1"};
  Server two_{far_.get(), "two:2"};
};

TEST_F(HomeTest, OthersAreToldWhoHasIt) {
  one_.Acquire("s", "a");
  const absl::Status held = TryAcquire(two_, "b");
  EXPECT_EQ(ReasonOf(held), kLeaseHeld);
  EXPECT_TRUE(absl::EndsWith(*OwnerOf(held), "@one:1")) << held;
}

TEST_F(HomeTest, GivenUpItIsFreeElsewhereWithAllThatWasWritten) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  ASSERT_TRUE(one_.Release("s", fence).ok());
  EXPECT_FALSE(IsHome());
  const std::uint64_t next = two_.Acquire("s", "b");
  EXPECT_EQ(next, fence + 2);
  EXPECT_EQ(two_.Key("s", "1")->bytes, "v");
  EXPECT_EQ(ReasonOf(one_.Apply(SetKey("s", fence, "1", "late")).status()), kStaleFence);
  EXPECT_EQ(ReasonOf(one_.Apply(SetKey("s", next, "1", "guess")).status()), kStaleFence);
}

TEST_F(HomeTest, IsNotGivenBackBeforeItIsFlushed) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  one_.far().mode = FarBehaviour::kLocks;
  MustSet(one_, fence, "v");
  ASSERT_TRUE(one_.Release("s", fence).ok());
  ASSERT_TRUE(IsHome());
  ASSERT_EQ(ReasonOf(TryAcquire(two_, "b")), kLeaseHeld);
  one_.far().mode = FarBehaviour::kWorks;
  while (IsHome()) {
  }
  two_.Acquire("s", "b");
  EXPECT_EQ(two_.Key("s", "1")->bytes, "v");
}

TEST_F(HomeTest, CopyThatIsStillTheSameIsNotReadAgain) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  ASSERT_TRUE(one_.Release("s", fence).ok());
  const int snapshots = one_.far().snapshots;
  const std::uint64_t again = one_.Acquire("s", "a");
  EXPECT_EQ(one_.far().snapshots, snapshots);
  EXPECT_EQ(one_.Key("s", "1")->bytes, "v");
  ASSERT_TRUE(one_.Release("s", again).ok());
  MustSet(one_, 0, "w");
  one_.Acquire("s", "a");
  EXPECT_EQ(one_.far().snapshots, snapshots + 1);
  EXPECT_EQ(one_.Key("s", "1")->bytes, "w");
}

TEST_F(HomeTest, OwnerStaysOwnerWhenItsServerStops) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "one", 1);
  MustSet(one_, fence, "two", 2);
  one_.Close();
  EXPECT_EQ(LeaseIn(*far_, "s").owner, "a");
  EXPECT_EQ(LeaseIn(*far_, "s").fence, fence);
  const auto resumed = Renew(two_, fence);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->lease.fence, fence);
  EXPECT_EQ(resumed->applied_number, 2U);
  EXPECT_TRUE(IsHome());
  MustSet(two_, fence, "two again", 2);
  EXPECT_EQ(two_.Key("s", "1")->bytes, "two");
  MustSet(two_, fence, "three", 3);
  AwaitSame(two_.backend(), *far_, "s");
}

TEST_F(HomeTest, WhatIsAtHomeIsServedByAServerThatStartsInAnOutage) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  one_.options().stop_timeout = absl::ZeroDuration();
  one_.Close();
  ASSERT_TRUE(one_.Open().ok());
  ASSERT_TRUE(Renew(one_, fence).ok());
  one_.far().mode = FarBehaviour::kAway;
  MustSet(one_, fence, "v", 1);
  one_.Close();
  ASSERT_TRUE(one_.Open().ok());
  EXPECT_EQ(one_.Key("s", "1")->bytes, "v");
  EXPECT_EQ(Renew(one_, fence)->applied_number, 1U);
  MustSet(one_, fence, "w", 2);
  EXPECT_TRUE(absl::IsUnavailable(one_.Apply(SetKey("other", 0, "1", "v")).status()));
  one_.far().mode = FarBehaviour::kWorks;
  AwaitSame(one_.backend(), *far_, "s");
  EXPECT_TRUE(one_.Apply(SetKey("other", 0, "1", "v")).ok());
}

TEST_F(HomeTest, StolenOneIsLostAndItsUnflushedCommitsAreKeptAside) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kAway;
  MustSet(one_, fence, "unflushed");
  const std::uint64_t thief = two_.Acquire("s", "b", /*steal=*/true);
  EXPECT_GT(thief, fence);
  EXPECT_EQ(two_.Key("s", "1")->bytes, "v");
  one_.far().mode = FarBehaviour::kWorks;
  while (Renew(one_, fence).ok()) {
  }
  EXPECT_EQ(ReasonOf(Renew(one_, fence).status()), kStaleFence);
  one_.Close();
  SQLite::Database file(one_.path());
  SQLite::Statement orphan(file,
                           "SELECT o.session_id, o.revision, o.flushed_revision, c.key_id, o.taken_by FROM "
                           "auth_orphans o JOIN auth_orphan_changes c USING (orphan_id)");
  ASSERT_TRUE(orphan.executeStep());
  EXPECT_EQ(orphan.getColumn(0).getString(), "s");
  EXPECT_EQ(orphan.getColumn(1).getInt(), 2);
  EXPECT_EQ(orphan.getColumn(2).getInt(), 1);
  EXPECT_EQ(orphan.getColumn(3).getString(), "1");
  EXPECT_THAT(orphan.getColumn(4).getString(), HasSubstr("@two:2"));
  EXPECT_FALSE(orphan.executeStep());
}

TEST_F(HomeTest, IdleOneLearnsThatItWasStolen) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  two_.Acquire("s", "b", /*steal=*/true);
  while (Renew(one_, fence).ok()) {
  }
  EXPECT_EQ(ReasonOf(Renew(one_, fence).status()), kStaleFence);
}

// What it would read then is what the thief has written, at revisions that are the thief's to go on from.
TEST_F(HomeTest, StolenWhileItIsReadItIsNone) {
  const std::uint64_t fence = two_.Acquire("s", "b");
  MustSet(two_, fence, "v");
  ASSERT_TRUE(two_.Release("s", fence).ok());
  one_.far().before_snapshot = [this] {
    MustSet(two_, two_.Acquire("s", "b", /*steal=*/true), "thief's");
    AwaitSame(two_.backend(), *far_, "s");
  };
  EXPECT_EQ(ReasonOf(TryAcquire(one_, "a")), kLeaseHeld);
  EXPECT_EQ(one_.State().sessions, 0U);
  EXPECT_EQ(two_.State().sessions, 1U);
}

TEST_F(HomeTest, StolenByACallerOfTheFarStoreItsFenceIsAheadOfAll) {
  std::uint64_t fence = one_.Acquire("s", "a");
  for (int i = 0; i < 5; ++i) fence = one_.Acquire("s", absl::StrCat("a", i), /*steal=*/true);
  LeaseRequest steal = AskFor("s");
  steal.action = LeaseRequest::Action::kAcquire;
  steal.owner = "plain";
  steal.ttl = absl::Hours(1);
  steal.steal = true;
  const auto stolen = AskLease(*far_, steal, absl::InfiniteFuture());
  ASSERT_TRUE(stolen.ok());
  EXPECT_GT(stolen->lease.fence, fence);
  EXPECT_FALSE(one_.Apply(SetKey("s", fence, "1", "v")).ok() && one_.Apply(SetKey("s", fence, "1", "w")).ok() &&
               LeaseIn(*far_, "s").owner != "plain");
}

TEST_F(HomeTest, ClaimInDoubtIsNoHomeForEver) {
  for (const auto mode : {FarBehaviour::kLosesAnswers, FarBehaviour::kLosesQuestions}) {
    one_.far().mode = mode;
    EXPECT_FALSE(TryAcquire(one_, "a").ok());
    one_.far().mode = FarBehaviour::kWorks;
    while (IsHome()) {
    }
    const std::uint64_t fence = two_.Acquire("s", "b");
    ASSERT_TRUE(two_.Release("s", fence).ok());
  }
}

// The steal has taken the session from its home, whatever became of the thief.
TEST_F(HomeTest, StealWhoseClaimIsInDoubtIsNotToldAsNotApplied) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  two_.far().mode = FarBehaviour::kGoesAwayAfterALease;
  LeaseRequest steal = AskFor("s");
  steal.action = LeaseRequest::Action::kAcquire;
  steal.owner = "b";
  steal.ttl = absl::Hours(1);
  steal.steal = true;
  const absl::Status stolen = two_.Lease(steal).status();
  EXPECT_TRUE(absl::IsUnavailable(stolen)) << stolen;
  EXPECT_EQ(OutcomeOf(stolen), Outcome::kUnknown);
  while (Renew(one_, fence).ok()) {
  }
  two_.far().mode = FarBehaviour::kWorks;
}

TEST_F(HomeTest, InDoubtWhetherItLeftItIsServedOnceThatIsKnown) {
  for (const auto mode : {FarBehaviour::kLosesAnswers, FarBehaviour::kDelaysLeases}) {
    const std::uint64_t fence = one_.Acquire("s", "a");
    MustSet(one_, fence, absl::StrCat("v", mode));
    AwaitSame(one_.backend(), *far_, "s");
    one_.far().mode = mode;
    ASSERT_TRUE(one_.Release("s", fence).ok());
    // Nobody knows where it is.
    EXPECT_FALSE(one_.Apply(SetKey("s", 0, "1", "w"), absl::Milliseconds(10)).ok());
    one_.far().mode = FarBehaviour::kWorks;
    while (IsHome()) {
    }
    const std::uint64_t next = two_.Acquire("s", "b");
    EXPECT_EQ(next, fence + 2);
    EXPECT_EQ(two_.Key("s", "1")->bytes, absl::StrCat("v", mode));
    ASSERT_TRUE(two_.Release("s", next).ok());
  }
}

TEST_F(HomeTest, InDoubtWhetherItLeftItIsNotServedByTheNextServerEither) {
  one_.Close();
  one_.options().stop_timeout = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kLosesAnswers;
  ASSERT_TRUE(one_.Release("s", fence).ok());
  while (IsHome()) {
  }
  one_.CloseWithoutFar();
  ASSERT_TRUE(one_.Open().ok());
  const std::uint64_t other = two_.Acquire("s", "b");
  MustSet(two_, other, "w");
  EXPECT_FALSE(one_.Apply(SetKey("s", 0, "1", "x"), absl::Milliseconds(10)).ok());
  one_.far().mode = FarBehaviour::kWorks;
  while (ReasonOf(one_.Apply(SetKey("s", 0, "1", "x"), absl::Milliseconds(10)).status()) != kLeaseHeld) {
  }
}

// In an outage nothing moves.
TEST_F(HomeTest, GivenUpInAnOutageItIsServedOn) {
  one_.Close();
  one_.options().stop_timeout = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kLosesQuestions;
  ASSERT_TRUE(one_.Release("s", fence).ok());
  MustSet(one_, 0, "w");
  one_.CloseWithoutFar();
  ASSERT_TRUE(one_.Open().ok());
  EXPECT_EQ(one_.Key("s", "1")->bytes, "w");
  one_.far().mode = FarBehaviour::kWorks;
  while (IsHome()) {
  }
  EXPECT_EQ(two_.Key("s", "1")->bytes, "w");
}

// What was asked for by a home that has ended finds nothing of that fence, however late it comes.
TEST_F(HomeTest, LateGivingBackEndsNoLaterHome) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  // Enough to ask for it to be given back.
  one_.options().stop_timeout = absl::Seconds(2);
  one_.Close();
  ASSERT_TRUE(one_.Open().ok());
  ASSERT_TRUE(Renew(one_, fence).ok());
  one_.far().mode = FarBehaviour::kDelaysLeases;
  one_.Close();
  one_.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(one_.Open().ok());
  while (IsHome()) {
  }
  ASSERT_TRUE(Renew(one_, fence).ok());
  ASSERT_TRUE(IsHome());
  one_.far().DeliverLate(*far_);
  EXPECT_TRUE(IsHome());
  MustSet(one_, fence, "w");
  AwaitSame(one_.backend(), *far_, "s");
  EXPECT_TRUE(Renew(one_, fence).ok());
}

TEST_F(HomeTest, CopyOfAClaimInDoubtIsNotVouchedFor) {
  for (const bool restart : {false, true}) {
    const std::uint64_t fence = one_.Acquire("s", "a");
    MustSet(one_, fence, absl::StrCat("v", restart));
    ASSERT_TRUE(one_.Release("s", fence).ok());
    one_.far().mode = FarBehaviour::kLosesAnswers;
    EXPECT_FALSE(TryAcquire(one_, "a").ok());
    if (restart) {
      one_.CloseWithoutFar();
      ASSERT_TRUE(one_.Open().ok());
    }
    one_.far().mode = FarBehaviour::kWorks;
    while (IsHome()) {
    }
    const std::uint64_t again = one_.Acquire("s", "a");
    const auto value = one_.Key("s", "1");
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(value->bytes, absl::StrCat("v", restart));
    ASSERT_TRUE(one_.Release("s", again).ok());
  }
}

TEST_F(HomeTest, ClaimInDoubtTakesTheLeaseFromNobody) {
  LeaseRequest request = AskFor("s");
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "a";
  request.ttl = absl::Hours(1);
  ASSERT_TRUE(AskLease(*far_, request, absl::InfiniteFuture()).ok());
  for (const bool restart : {false, true}) {
    one_.far().mode = FarBehaviour::kLosesAnswers;
    EXPECT_FALSE(TryAcquire(one_, "a").ok());
    if (restart) {
      one_.CloseWithoutFar();
      ASSERT_TRUE(one_.Open().ok());
    }
    one_.far().mode = FarBehaviour::kWorks;
    while (IsHome()) {
    }
    EXPECT_EQ(LeaseIn(*far_, "s").owner, "a");
    EXPECT_EQ(LeaseIn(*far_, "s").fence, 1U);
    EXPECT_TRUE(LeaseIn(*far_, "s").live());
  }
}

TEST_F(HomeTest, IsNotAskedToBeGivenBackBeforeThatIsDurable) {
  one_.Close();
  one_.options().stop_timeout = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  AwaitSame(one_.backend(), *far_, "s");
  one_.CloseWithoutFar();
  {
    SQLite::Database file(one_.path(), SQLite::OPEN_READWRITE);
    file.exec(
        "CREATE TRIGGER refuses BEFORE UPDATE OF state ON auth_homes WHEN NEW.state = 2 "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END");
  }
  ASSERT_TRUE(one_.Open().ok());
  one_.far().mode = FarBehaviour::kWorks;
  const std::uint64_t home = LeaseIn(*far_, "s").fence;
  // It is the same however often it is tried.
  for (int i = 0; i < 3; ++i) {
    const int before = one_.far().leases;
    ASSERT_TRUE(one_.Release("s", one_.Acquire("s", "a")).ok());
    while (one_.far().leases == before) {
    }
  }
  EXPECT_EQ(LeaseIn(*far_, "s").fence, home);
}

TEST_F(HomeTest, LeaseThatHasEndedIsGivenBackAsThat) {
  LeaseRequest request = AskFor("s");
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "a";
  request.ttl = absl::Milliseconds(1);
  const auto acquired = one_.Lease(request);
  ASSERT_TRUE(acquired.ok());
  while (IsHome()) {
  }
  EXPECT_EQ(LeaseIn(*far_, "s").owner, "a");
  EXPECT_FALSE(LeaseIn(*far_, "s").live());
  EXPECT_TRUE(Renew(two_, acquired->lease.fence).ok());
}

TEST_F(HomeTest, LeaseOfTheFarStoreComesHomeWithItsOwner) {
  LeaseRequest request = AskFor("s");
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "a";
  request.ttl = absl::Hours(1);
  ASSERT_TRUE(AskLease(*far_, request, absl::InfiniteFuture()).ok());
  EXPECT_EQ(ReasonOf(TryAcquire(one_, "b")), kLeaseHeld);
  EXPECT_FALSE(IsHome());
  EXPECT_EQ(one_.Acquire("s", "a"), 1U);
  EXPECT_TRUE(IsHome());
}

TEST_F(HomeTest, CommitThatIsSentAgainAfterTheDeletionOfItsSessionIsNotAppliedAgain) {
  Commit commit = SetKey("s", 0, "1", "v");
  commit.id = 7;
  ASSERT_EQ(one_.Apply(commit).value_or(0), 1U);
  Commit deletion;
  deletion.session_id = "s";
  deletion.action = Commit::Action::kDeleteSession;
  deletion.id = 8;
  ASSERT_EQ(one_.Apply(deletion).value_or(0), 2U);
  commit.fence = one_.Acquire("s", "a");
  EXPECT_EQ(one_.Apply(commit).value_or(0), 1U);
  EXPECT_EQ(one_.Key("s", "1"), std::nullopt);
  deletion.fence = commit.fence;
  EXPECT_EQ(one_.Apply(deletion).value_or(0), 2U);
  commit.id = 9;
  EXPECT_EQ(one_.Apply(commit).value_or(0), 3U);
}

// The thief goes on from the last flush, and may come to a revision that the home has given for something else.
TEST_F(HomeTest, CommitThatExpectsARevisionFromBeforeAStealIsRefused) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "one");
  AwaitSame(one_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kAway;
  MustSet(one_, fence, "two");
  const std::uint64_t thief = two_.Acquire("s", "b", /*steal=*/true);
  MustSet(two_, thief, "another two");
  for (const std::uint64_t revision : {1U, 2U}) {
    Commit commit = SetKey("s", thief, "1", "three");
    commit.expected_revision = revision;
    EXPECT_EQ(ReasonOf(two_.Apply(commit).status()), kRevisionMismatch);
  }
  EXPECT_EQ(two_.Key("s", "1")->bytes, "another two");
  AwaitSame(two_.backend(), *far_, "s");
  one_.far().mode = FarBehaviour::kWorks;
}

// A standby was promoted without the commit that the copy has, and the owner's next one has the same revision.
TEST_F(HomeTest, CopyOfAMomentThatTheFarStoreHasLostIsNotUsed) {
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "lost");
  one_.Close();
  ASSERT_EQ(LeaseIn(*far_, "s").fence, fence);
  const std::unique_ptr<Backend> standby = NewMemoryBackend();
  LeaseRequest request = AskFor("s");
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "a";
  request.ttl = absl::Hours(1);
  ASSERT_EQ(AskLease(*standby, request, absl::InfiniteFuture())->lease.fence, fence);
  ASSERT_TRUE(ApplyTo(*standby, {SetKey("s", fence, "1", "kept")}, absl::InfiniteFuture()).front().ok());
  one_.far().promoted = standby.get();
  ASSERT_TRUE(one_.Open().ok());
  ASSERT_TRUE(Renew(one_, fence).ok());
  EXPECT_EQ(one_.Key("s", "1")->bytes, "kept");
  one_.Close();
}

TEST_F(HomeTest, NothingIsLeftOfASessionThatOthersHaveDeleted) {
  constexpr char kSecret[] = "what nobody is to know of this account";
  one_.Close();
  one_.options().look_at_copies = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  // The copy of this one stays, so there is something to ask for in each round.
  std::uint64_t fence = one_.Acquire("stays", "a");
  ASSERT_TRUE(one_.Apply(SetKey("stays", fence, "1", "v")).ok());
  ASSERT_TRUE(one_.Release("stays", fence).ok());
  fence = one_.Acquire("s", "a");
  MustSet(one_, fence, kSecret);
  ASSERT_TRUE(one_.Release("s", fence).ok());
  fence = two_.Acquire("s", "b");
  Commit deletion;
  deletion.session_id = "s";
  deletion.fence = fence;
  deletion.action = Commit::Action::kDeleteSession;
  ASSERT_TRUE(two_.Apply(deletion).ok());
  ASSERT_TRUE(two_.Release("s", fence).ok());
  AwaitLooks(one_);
  one_.Close();
  {
    SQLite::Database file(one_.path());
    EXPECT_EQ(file.execAndGet(
                      "SELECT (SELECT count(*) FROM auth_homes WHERE session_id = 's') + (SELECT count(*) FROM "
                      "auth_sessions WHERE session_id = 's') + (SELECT count(*) FROM auth_keys WHERE session_id = 's')")
                  .getInt(),
              0);
    EXPECT_EQ(file.execAndGet("SELECT count(*) FROM auth_homes").getInt(), 1);
  }
  std::ifstream file(one_.path(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_FALSE(bytes.empty());
  EXPECT_EQ(bytes.find(kSecret), std::string::npos);
}

TEST_F(HomeTest, CopyStaysWhileTheFarStoreHasTheSame) {
  one_.Close();
  one_.options().look_at_copies = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  const std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  ASSERT_TRUE(one_.Release("s", fence).ok());
  AwaitLooks(one_);
  const int snapshots = one_.far().snapshots;
  one_.Acquire("s", "a");
  EXPECT_EQ(one_.far().snapshots, snapshots);
  EXPECT_EQ(one_.Key("s", "1")->bytes, "v");
}

TEST_F(HomeTest, CopyHasAnEnd) {
  one_.Close();
  one_.options().look_at_copies = absl::ZeroDuration();
  one_.options().copy_life = absl::ZeroDuration();
  ASSERT_TRUE(one_.Open().ok());
  std::uint64_t fence = one_.Acquire("s", "a");
  MustSet(one_, fence, "v");
  const int snapshots = one_.far().snapshots;
  const absl::Time given_up = absl::Now() + absl::Minutes(1);
  while (one_.far().snapshots == snapshots && absl::Now() < given_up) {
    ASSERT_TRUE(one_.Release("s", fence).ok());
    // It is looked at in each round, for as long as it is there.
    const int before = one_.far().leases;
    while (one_.far().leases == before && absl::Now() < given_up) {
    }
    fence = one_.Acquire("s", "a");
  }
  EXPECT_GT(one_.far().snapshots, snapshots);
  EXPECT_EQ(one_.Key("s", "1")->bytes, "v");
}

TEST_F(HomeTest, ClaimThatMayGoOnIsInDoubt) {
  one_.far().mode = FarBehaviour::kHangs;
  LeaseRequest request = AskFor("s");
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "a";
  request.ttl = absl::Hours(1);
  const auto acquired = one_.Lease(request, absl::Milliseconds(500));
  EXPECT_EQ(OutcomeOf(acquired.status()), Outcome::kUnknown) << acquired.status();
  one_.far().LetGo();
}

TEST_F(HomeTest, FileOfAnotherDatabaseIsRefused) {
  one_.Close();
  const std::unique_ptr<Backend> other = NewMemoryBackend();
  SqliteOptions sqlite;
  sqlite.path = one_.path();
  auto near = OpenSqliteNearStore(sqlite);
  ASSERT_TRUE(near.ok()) << near.status();
  WriteBehindOptions options = one_.options();
  options.open_far = [&other]() -> absl::StatusOr<std::unique_ptr<Backend>> {
    return std::make_unique<ForwardingBackend>(other.get());
  };
  EXPECT_EQ(ReasonOf(OpenWriteBehind(*std::move(near), options).status()), kNearStoreMismatch);
}

TEST_F(HomeTest, DatabaseThatHidesKeyIdsIsRefused) {
  class Hiding final : public ForwardingBackend {
   public:
    explicit Hiding(Backend* store) : ForwardingBackend(store) {}
    Description Describe() const override {
      Description description = inner().Describe();
      description.hides_key_ids = true;
      return description;
    }
  };
  one_.Close();
  SqliteOptions sqlite;
  sqlite.path = one_.path();
  auto near = OpenSqliteNearStore(sqlite);
  ASSERT_TRUE(near.ok()) << near.status();
  WriteBehindOptions options = one_.options();
  options.open_far = [this]() -> absl::StatusOr<std::unique_ptr<Backend>> {
    return std::make_unique<Hiding>(far_.get());
  };
  EXPECT_EQ(ReasonOf(OpenWriteBehind(*std::move(near), options).status()), kNearStoreMismatch);
}

TEST_F(HomeTest, FileIsANearStoreOrOneByItself) {
  one_.Close();
  SqliteOptions sqlite;
  sqlite.path = one_.path();
  EXPECT_EQ(ReasonOf(OpenSqliteBackend(sqlite).status()), kNearStoreMismatch);
  test::TempDir folder;
  sqlite.path = folder.File("plain.db");
  ASSERT_TRUE(OpenSqliteBackend(sqlite).ok());
  EXPECT_EQ(ReasonOf(OpenSqliteNearStore(sqlite).status()), kNearStoreMismatch);
}

TEST_F(HomeTest, LostFileIsNotAnEmptyStart) {
  one_.Acquire("s", "a");
  Server replaced{far_.get(), "one:1"};
  const absl::Status refused = replaced.Open();
  EXPECT_EQ(ReasonOf(refused), kHomesLost);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1 sessions at home"));
  // Nor in an outage.
  replaced.far().mode = FarBehaviour::kAway;
  EXPECT_TRUE(absl::IsUnavailable(replaced.Open()));
}

// Servers that name no address cannot be told apart, so a new file may stand in the place of any.
TEST_F(HomeTest, LostFileIsNotAnEmptyStartWithoutAnAddressEither) {
  Server first{far_.get()};
  ASSERT_TRUE(first.Open().ok());
  const std::uint64_t fence = first.Acquire("s", "a");
  Server replaced{far_.get()};
  const absl::Status refused = replaced.Open();
  EXPECT_EQ(ReasonOf(refused), kHomesLost);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--advertise"));
  Server other{far_.get(), "other:3"};
  EXPECT_TRUE(other.Open().ok());
  first.options().stop_timeout = absl::ZeroDuration();
  first.CloseWithoutFar();
  first.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(first.Open().ok());
  EXPECT_TRUE(Renew(first, fence).ok());
  ASSERT_TRUE(first.Release("s", fence).ok());
  EXPECT_TRUE(replaced.Open().ok());
}

TEST_F(HomeTest, WhetherThereIsMaintenanceIsKnownWhileTheDatabaseHangs) {
  GrantRequest ask;
  ask.action = GrantRequest::Action::kGetMaintenance;
  one_.far().mode = FarBehaviour::kHangs;
  const auto told = AwaitCall<absl::StatusOr<GrantResult>>(
      [&](auto done) { one_.backend().Grants(ask, absl::InfiniteFuture(), std::move(done)); });
  EXPECT_TRUE(told.ok()) << told.status();
  one_.far().mode = FarBehaviour::kWorks;
}

TEST_F(HomeTest, RightsAreKnownInAnOutage) {
  GrantRequest create;
  create.action = GrantRequest::Action::kCreate;
  create.grant.id = "abcdefghijklmnop";
  create.grant.label = "bot";
  create.grant.hash_key = std::string(32, 'k');
  create.grant.hash = std::string(32, 'h');
  const auto created = AwaitCall<absl::StatusOr<GrantResult>>(
      [&](auto done) { far_->Grants(create, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(created.ok()) << created.status();
  Server fresh{far_.get(), "fresh:3"};
  ASSERT_TRUE(fresh.Open().ok());
  fresh.CloseWithoutFar();
  ASSERT_TRUE(fresh.Open().ok());
  const auto listed = AwaitCall<absl::StatusOr<GrantResult>>(
      [&](auto done) { fresh.backend().Grants({}, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_TRUE(listed->grants.has_value());
  ASSERT_EQ(listed->grants->size(), 1U);
  EXPECT_EQ(listed->grants->front().label, "bot");
}

TEST_F(HomeTest, RightsThatAreToldLateReplaceNoLaterOnes) {
  test::TempDir folder;
  SqliteOptions sqlite;
  sqlite.path = folder.File("near.db");
  auto near = OpenSqliteNearStore(sqlite);
  ASSERT_TRUE(near.ok()) << near.status();
  for (const std::uint64_t version : {7U, 5U}) {
    GrantResult listed;
    listed.version = version;
    listed.grants.emplace();
    ASSERT_TRUE(AwaitCall<absl::Status>([&](auto done) {
                  (*near)->KeepGrants(listed, absl::InfiniteFuture(), std::move(done));
                }).ok());
  }
  const auto kept = AwaitCall<absl::StatusOr<GrantResult>>(
      [&](auto done) { (*near)->Grants({}, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->version, 7U);
}

TEST_F(HomeTest, NewFileDoesNotStartInAnOutage) {
  Server fresh{far_.get()};
  fresh.far().mode = FarBehaviour::kAway;
  EXPECT_TRUE(absl::IsUnavailable(fresh.Open()));
}

TEST_F(HomeTest, ListHasTheSessionsOfBoth) {
  MustSet(one_, 0, "far");
  for (const char* const id : {"a", "c", "t"}) {
    const std::uint64_t fence = one_.Acquire(id, "owner");
    ASSERT_TRUE(one_.Apply(SetKey(id, fence, "1", "v")).ok());
  }
  one_.far().mode = FarBehaviour::kWorks;
  ListRequest request;
  for (const std::size_t limit : {1U, 2U, 10U}) {
    std::string ids;
    request.after.clear();
    request.limit = limit;
    while (true) {
      const auto page = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
          [&](auto done) { one_.backend().List(request, absl::InfiniteFuture(), std::move(done)); });
      ASSERT_TRUE(page.ok());
      for (const SessionSummary& session : *page) {
        ids += session.session_id;
        request.after = session.session_id;
        EXPECT_EQ(session.lease.owner, session.session_id == "s" ? "" : "owner");
      }
      if (page->size() < limit) break;
    }
    EXPECT_EQ(ids, "acst");
  }
}

}  // namespace
}  // namespace authstate::storage
