// What a near store's file knows of where sessions are at home, and of what is not flushed: where it is not what was
// written, nothing is lost, and nothing is served that is elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/homes/orphans.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/stores.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

class RowChecksumsTest : public testing::Test {
 protected:
  // A session at home, with a key that is flushed and one that is not; the server has ended.
  void SetUp() override {
    server_.options().stop_timeout = absl::ZeroDuration();
    ASSERT_TRUE(server_.Open().ok());
    const std::uint64_t fence = server_.Acquire("s", "owner");
    ASSERT_TRUE(server_.Apply(SetKey("s", fence, "1", "flushed")).ok());
    AwaitSame(server_.backend(), *far_, "s");
    server_.far().mode = FarBehaviour::kAway;
    ASSERT_TRUE(server_.Apply(SetKey("s", fence, "2", "unflushed")).ok());
    server_.Close();
  }

  int Run(const std::string& sql) {
    return SqliteConnection(server_.path(), SqliteConnection::Mode::kReadWrite).database().exec(sql);
  }
  int Count(const std::string& sql) {
    return SqliteConnection(server_.path(), SqliteConnection::Mode::kReadOnly).database().execAndGet(sql).getInt();
  }
  // Something that changes rows.
  void Execute(const std::string& sql) { EXPECT_GT(Run(sql), 0) << sql; }

  std::unique_ptr<NearStore> OpenNear() {
    SqliteOptions options;
    options.path = server_.path();
    auto near = OpenSqliteNearStore(std::move(options));
    EXPECT_TRUE(near.ok()) << near.status();
    return near.ok() ? *std::move(near) : nullptr;
  }
  static absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

  static absl::StatusOr<UnflushedChanges> Unflushed(NearStore& near) {
    return AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
               [&](auto done) { near.ReadUnflushed({"s"}, 0, Soon(), std::move(done)); })
        .front();
  }
  // Whether what the file knows of the only home is known to be damaged.
  static bool IsDamaged(NearStore& near) {
    const auto homes =
        AwaitCall<absl::StatusOr<std::vector<Home>>>([&](auto done) { near.ReadHomes(Soon(), std::move(done)); });
    EXPECT_TRUE(homes.ok()) << homes.status();
    EXPECT_EQ(homes->size(), 1U);
    return homes->at(0).damaged;
  }

  // What the only orphan has.
  std::uint64_t SetsPutAside() {
    const auto file = OrphanFile::Open(server_.path(), OrphanFile::Purpose::kLook);
    EXPECT_TRUE(file.ok()) << file.status();
    if (!file.ok()) return 0;
    const auto orphans = (*file)->List();
    EXPECT_TRUE(orphans.ok()) << orphans.status();
    if (!orphans.ok() || orphans->size() != 1) return 0;
    return orphans->front().sets;
  }

  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  Server server_{far_.get()};
};

TEST_F(RowChecksumsTest, AnotherValueInTheRowOfAHomeIsAnError) {
  for (const char* const column :
       {"state", "far_fence", "far_number", "flushed_revision", "dirty_since", "whole", "since", "far_updated_at"}) {
    SCOPED_TRACE(column);
    Execute(absl::StrCat("UPDATE auth_homes SET ", column, " = ", column, " + 1"));
    const auto near = OpenNear();
    ASSERT_NE(near, nullptr);
    EXPECT_TRUE(IsDamaged(*near));
    EXPECT_TRUE(absl::IsDataLoss(Unflushed(*near).status())) << Unflushed(*near).status();
    Execute(absl::StrCat("UPDATE auth_homes SET ", column, " = ", column, " - 1"));
    EXPECT_FALSE(IsDamaged(*near));
    EXPECT_TRUE(Unflushed(*near).ok()) << Unflushed(*near).status();
  }
  Execute("UPDATE auth_homes SET checksum = x''");
  EXPECT_TRUE(IsDamaged(*OpenNear()));
  Execute("DELETE FROM auth_homes");
  EXPECT_TRUE(IsDamaged(*OpenNear()));
}

// What changed cannot be told then; the content can, which has checksums of its own.
TEST_F(RowChecksumsTest, WhereARowOfAChangeIsNotWhatWasWrittenTheNextFlushIsOfEverything) {
  for (const char* const edit : {
           "UPDATE auth_changes SET key_type = 'u'",
           "UPDATE auth_changes SET key_id = '1'",
           "UPDATE auth_changes SET revision = 1",
           "UPDATE auth_changes SET checksum = x''",
           "UPDATE auth_changes SET session_id = 't'",
           "DELETE FROM auth_changes",
           "INSERT INTO auth_changes SELECT session_id, 'u', key_id, revision, checksum FROM auth_changes",
       }) {
    SCOPED_TRACE(edit);
    Run("CREATE TABLE sound AS SELECT * FROM auth_changes");
    Execute(edit);
    {
      const auto near = OpenNear();
      ASSERT_NE(near, nullptr);
      const auto unflushed = Unflushed(*near);
      ASSERT_TRUE(unflushed.ok()) << unflushed.status();
      EXPECT_TRUE(unflushed->damaged);
      EXPECT_TRUE(unflushed->commit.clear_keys);
      EXPECT_EQ(unflushed->commit.sets.size(), 2U);
    }
    Run("DELETE FROM auth_changes");
    Execute("INSERT INTO auth_changes SELECT * FROM sound");
    Run("DROP TABLE sound");
  }
  const auto unflushed = Unflushed(*OpenNear());
  ASSERT_TRUE(unflushed.ok()) << unflushed.status();
  EXPECT_FALSE(unflushed->damaged);
  EXPECT_EQ(unflushed->commit.sets.size(), 1U);
}

TEST_F(RowChecksumsTest, FlushOfEverythingMendsTheRowsOfTheChanges) {
  for (const char* const edit : {"DELETE FROM auth_changes", "UPDATE auth_changes SET revision = 1000000"}) {
    SCOPED_TRACE(edit);
    Execute(edit);
    server_.far().mode = FarBehaviour::kWorks;
    ASSERT_TRUE(server_.Open().ok());
    AwaitSame(server_.backend(), *far_, "s");
    EXPECT_TRUE(server_.HasLogged("session s is flushed whole"));
    const std::uint64_t fence = LeaseIn(server_.backend(), "s").fence;
    while (server_.State().dirty_sessions > 0) {
    }
    server_.far().mode = FarBehaviour::kAway;
    ASSERT_TRUE(server_.Apply(SetKey("s", fence, "3", edit)).ok());
    server_.Close();
    const auto unflushed = Unflushed(*OpenNear());
    ASSERT_TRUE(unflushed.ok()) << unflushed.status();
    EXPECT_FALSE(unflushed->damaged);
    EXPECT_EQ(unflushed->commit.sets.size(), 1U);
  }
}

// What was written while that flush was under way is not known to be in it.
TEST_F(RowChecksumsTest, WhatComesAfterAFlushOfEverythingIsFlushedToo) {
  Execute("DELETE FROM auth_changes");
  const auto near = OpenNear();
  ASSERT_NE(near, nullptr);
  const auto first = Unflushed(*near);
  ASSERT_TRUE(first.ok() && first->damaged) << first.status();
  const std::uint64_t fence = LeaseIn(*near, "s").fence;
  ASSERT_TRUE(ApplyTo(*near, {SetKey("s", fence, "3", "v")}, Soon()).front().ok());
  HomeChange flushed = Step(HomeChange::Step::kFlushed, "s");
  flushed.home = first->home;
  flushed.home.flushed_revision = first->commit.carried->revision;
  ASSERT_TRUE(ChangeIn(*near, flushed, Soon()).ok());
  const auto second = Unflushed(*near);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->commit.sets.size(), 3U);
  flushed.home.flushed_revision = second->commit.carried->revision;
  ASSERT_TRUE(ChangeIn(*near, flushed, Soon()).ok());
  EXPECT_FALSE(Unflushed(*near)->any);
}

// Else both would acknowledge.
TEST_F(RowChecksumsTest, SessionThatCannotBeReadIsLostToWhoHasTakenIt) {
  server_.far().mode = FarBehaviour::kWorks;
  Server other{far_.get(), "other:2"};
  ASSERT_TRUE(other.Open().ok());
  EXPECT_GT(other.Acquire("s", "thief", /*steal=*/true), 0U);
  server_.far().mode = FarBehaviour::kAway;
  ASSERT_TRUE(server_.Open().ok());
  Execute("UPDATE auth_homes SET far_fence = far_fence + 1");
  server_.far().mode = FarBehaviour::kWorks;
  while (server_.State().orphans == 0) {
  }
  server_.Close();
  EXPECT_EQ(SetsPutAside(), 2U);
}

// What nothing would flush is not acknowledged.
TEST_F(RowChecksumsTest, NothingIsWrittenIntoAHomeWhoseRowIsDamaged) {
  const auto near = OpenNear();
  ASSERT_NE(near, nullptr);
  const std::uint64_t fence = LeaseIn(*near, "s").fence;
  for (const auto& [damage, mend] : {
           std::pair{"UPDATE auth_homes SET far_fence = far_fence + 1",
                     "UPDATE auth_homes SET far_fence = far_fence - 1"},
           std::pair{"UPDATE auth_homes SET session_id = 't'", "UPDATE auth_homes SET session_id = 's'"},
       }) {
    SCOPED_TRACE(damage);
    Execute(damage);
    const auto refused = ApplyTo(*near, {SetKey("s", fence, "3", "late")}, Soon());
    EXPECT_TRUE(absl::IsDataLoss(refused.front().status())) << refused.front().status();
    EXPECT_TRUE(IsNotApplied(refused.front().status()));
    Execute(mend);
  }
  const auto applied = ApplyTo(*near, {SetKey("s", fence, "3", "v")}, Soon());
  ASSERT_TRUE(applied.front().ok()) << applied.front().status();
  EXPECT_EQ(applied.front()->revision, 3U);
}

TEST_F(RowChecksumsTest, OneThatCannotBeReadKeepsNoOtherFromLeaving) {
  server_.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(server_.Open().ok());
  AwaitSame(server_.backend(), *far_, "s");
  const std::uint64_t other = server_.Acquire("t", "owner");
  // It is in doubt whether the session left.
  server_.far().mode = FarBehaviour::kDelaysLeases;
  ASSERT_TRUE(server_.Release("s", LeaseIn(server_.backend(), "s").fence).ok());
  const auto is_late = [this] {
    const absl::MutexLock lock(&server_.far().mutex);
    return !server_.far().late.empty();
  };
  while (!is_late()) {
  }
  Execute("UPDATE auth_homes SET far_fence = far_fence + 1 WHERE session_id = 's'");
  server_.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(server_.Release("t", other).ok());
  const absl::Time given_up = Soon();
  const auto is_done = [this] { return !LeaseIn(*far_, "t").held() && !server_.State().away_since.has_value(); };
  while (!is_done() && absl::Now() < given_up) {
  }
  EXPECT_TRUE(is_done());
  EXPECT_TRUE(server_.HasLogged("session s cannot leave"));
}

// Whether it is at home here is not known: it is neither served nor given back, and nothing of it is lost.
TEST_F(RowChecksumsTest, SessionWhoseHomeIsNotKnownIsHeldAloneUntilItIsElsewhere) {
  server_.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(server_.Open().ok());
  AwaitSame(server_.backend(), *far_, "s");
  server_.far().mode = FarBehaviour::kAway;
  ASSERT_TRUE(server_.Apply(SetKey("s", LeaseIn(server_.backend(), "s").fence, "3", "unflushed")).ok());
  server_.Close();
  std::ifstream file(server_.path(), std::ios::binary);
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  for (const char* const edit :
       {"UPDATE auth_homes SET state = 3", "UPDATE auth_homes SET session_id = 'r'", "DELETE FROM auth_homes"}) {
    SCOPED_TRACE(edit);
    for (const char* const end : {"-wal", "-shm"}) std::filesystem::remove(server_.path() + end);
    std::ofstream(server_.path(), std::ios::binary | std::ios::trunc) << before;
    Execute(edit);
    server_.far().mode = FarBehaviour::kWorks;
    ASSERT_TRUE(server_.Open().ok());
    EXPECT_TRUE(server_.HasLogged("what the file has of session s is damaged"));
    const absl::Status refused = server_.Apply(SetKey("s", 0, "1", "w")).status();
    EXPECT_EQ(ReasonOf(refused), kCorruptValue) << refused;
    EXPECT_TRUE(IsNotApplied(refused));
    EXPECT_GT(server_.Acquire("t", "owner"), 0U);
    server_.Close();
    EXPECT_TRUE(LeaseIn(*far_, "s").held());
  }
  Server other{far_.get(), "other:2"};
  ASSERT_TRUE(other.Open().ok());
  EXPECT_GT(other.Acquire("s", "thief", /*steal=*/true), 0U);
  ASSERT_TRUE(server_.Open().ok());
  while (server_.State().orphans == 0) {
  }
  EXPECT_EQ(ReasonOf(server_.Apply(SetKey("s", 0, "1", "w")).status()), kLeaseHeld);
  server_.Close();
  EXPECT_EQ(SetsPutAside(), 3U);
}

TEST_F(RowChecksumsTest, CopyWhoseRowIsDamagedKeepsNoOtherFromBeingLookedAt) {
  server_.far().mode = FarBehaviour::kWorks;
  server_.options().look_at_copies = absl::ZeroDuration();
  ASSERT_TRUE(server_.Open().ok());
  AwaitSame(server_.backend(), *far_, "s");
  for (const char* const session_id : {"a", "b"}) {
    const std::uint64_t fence = server_.Acquire(session_id, "owner");
    ASSERT_TRUE(server_.Apply(SetKey(session_id, fence, "1", "v")).ok());
    ASSERT_TRUE(server_.Release(session_id, fence).ok());
  }
  // That a session leaves the file is told once the database has it.
  const auto copies = [this] { return Count("SELECT count(*) FROM auth_homes WHERE state = 3"); };
  while (copies() < 2) {
  }
  Execute("UPDATE auth_homes SET far_number = far_number + 1 WHERE session_id = 'a'");
  ASSERT_TRUE(ApplyTo(*far_, {SetKey("b", 0, "1", "elsewhere")}, Soon()).front().ok());
  while (copies() > 1) {
  }
  EXPECT_TRUE(server_.HasLogged("the copy of session a is not looked at"));
}

// What is not flushed cannot be told from what is.
TEST_F(RowChecksumsTest, OfASessionThatIsLostAllIsPutAsideWhereItsRowsAreDamaged) {
  std::ifstream file(server_.path(), std::ios::binary);
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  for (const char* const edit :
       {"UPDATE auth_changes SET key_id = '1'", "DELETE FROM auth_changes", "UPDATE auth_homes SET session_id = 't'",
        "DELETE FROM auth_homes", "UPDATE auth_homes SET flushed_revision = 2"}) {
    SCOPED_TRACE(edit);
    for (const char* const end : {"-wal", "-shm"}) std::filesystem::remove(server_.path() + end);
    std::ofstream(server_.path(), std::ios::binary | std::ios::trunc) << before;
    Execute(edit);
    {
      const auto near = OpenNear();
      ASSERT_NE(near, nullptr);
      const absl::Status lost = ChangeIn(*near, Step(HomeChange::Step::kLose, "s"), Soon());
      ASSERT_TRUE(lost.ok()) << lost;
    }
    EXPECT_EQ(SetsPutAside(), 2U);
  }
}

TEST_F(RowChecksumsTest, RowsOfAVersionBeforeAreCheckedFromTheFirstStartOn) {
  Execute("UPDATE auth_homes SET checksum = x'', changes = 0");
  Execute("UPDATE auth_changes SET checksum = x''");
  Execute("UPDATE auth_schema_migrations SET serves_from = 4 WHERE name = 'home_checksums'");
  {
    const auto near = OpenNear();
    ASSERT_NE(near, nullptr);
    EXPECT_FALSE(IsDamaged(*near));
    const auto unflushed = Unflushed(*near);
    ASSERT_TRUE(unflushed.ok()) << unflushed.status();
    EXPECT_FALSE(unflushed->damaged);
    EXPECT_EQ(unflushed->commit.sets.size(), 1U);
  }
  // What a version before would write now is not taken for sound; so it may not serve the file.
  Execute(
      "UPDATE auth_schema_migrations SET serves_from = serves_from WHERE name = 'home_checksums' AND serves_from = "
      "version");
  Execute("UPDATE auth_changes SET checksum = x''");
  EXPECT_TRUE(Unflushed(*OpenNear())->damaged);
}

}  // namespace
}  // namespace authstate::storage
