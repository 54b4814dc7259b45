// What a near store has put aside, read from its file.
#include "storage/sqlite/homes/orphans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "migrations/seal_sessions.h"
#include "storage/error.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sealing/sqlite_sealer.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/stores.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class OrphansTest : public testing::Test {
 protected:
  void Open(std::shared_ptr<const Keyring> keyring) {
    near_.reset();
    SqliteOptions sqlite;
    sqlite.path = path_;
    sqlite.keyring = std::move(keyring);
    auto near = OpenSqliteNearStore(std::move(sqlite));
    ASSERT_TRUE(near.ok()) << near.status();
    near_ = *std::move(near);
  }
  void Change(HomeChange change) {
    const absl::Status changed = ChangeIn(*near_, std::move(change), Soon());
    ASSERT_TRUE(changed.ok()) << changed;
  }
  // An empty session comes home, for an owner.
  void BringHome() {
    HomeChange take = Step(HomeChange::Step::kTake, "s");
    take.home.far_fence = kFarFence;
    take.home.lease.owner = "a";
    take.home.lease.fence = 1;
    take.home.lease.remaining = absl::Hours(1);
    HomeChange arrive = take;
    arrive.step = HomeChange::Step::kArrive;
    arrive.filled = true;
    Change(std::move(take));
    Change(std::move(arrive));
  }
  void Apply(Commit commit) {
    commit.session_id = "s";
    commit.fence = 1;
    const auto applied = ApplyTo(*near_, {std::move(commit)}, Soon());
    ASSERT_TRUE(applied.front().ok()) << applied.front().status();
  }
  void Flushed(std::uint64_t revision) {
    HomeChange flushed = Step(HomeChange::Step::kFlushed, "s");
    flushed.home.far_fence = kFarFence;
    flushed.home.far_number = revision;
    flushed.home.flushed_revision = revision;
    Change(std::move(flushed));
  }
  void Lose(const std::string& taken_by) {
    HomeChange lose = Step(HomeChange::Step::kLose, "s");
    lose.taken_by = taken_by;
    Change(std::move(lose));
  }
  std::unique_ptr<OrphanFile> Look(OrphanFile::Purpose purpose = OrphanFile::Purpose::kLook) {
    // Not beside its server, which is of another process.
    near_.reset();
    auto file = OrphanFile::Open(path_, purpose);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }
  static absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

  static constexpr std::uint64_t kFarFence = 1'000;
  test::TempDir folder_;
  const std::string path_ = folder_.File("near.db");
  std::unique_ptr<NearStore> near_;
};

Value Text(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }

TEST_F(OrphansTest, HaveWhatWasSetAndDeletedSinceTheLastFlush) {
  const auto keyring = test::MakeKeyring({{"k", 'a'}});
  Open(keyring);
  BringHome();
  Commit flushed;
  flushed.sets = {{{"t", "1"}, Text("flushed")}, {{"t", "2"}, Text("flushed")}};
  Apply(flushed);
  Flushed(1);
  Commit unflushed;
  unflushed.creds = Value{ValueKind::kJson, "{}"};
  unflushed.sets = {{{"t", "1"}, Text("first")}};
  unflushed.deletes = {{"t", "2"}};
  Apply(unflushed);
  Commit last;
  last.sets = {{{"t", "1"}, Text("last")}};
  Apply(last);
  Lose("home:x@two:2");

  const auto file = Look();
  ASSERT_NE(file, nullptr);
  const auto orphans = file->List();
  ASSERT_TRUE(orphans.ok()) << orphans.status();
  ASSERT_EQ(orphans->size(), 1U);
  const OrphanSummary& summary = orphans->front();
  EXPECT_EQ(summary.session_id, "s");
  EXPECT_EQ(summary.flushed_revision, 1U);
  EXPECT_EQ(summary.revision, 3U);
  EXPECT_EQ(summary.taken_by, "home:x@two:2");
  EXPECT_TRUE(summary.sets_creds);
  EXPECT_EQ(summary.sets, 1U);
  EXPECT_EQ(summary.deletes, 1U);
  EXPECT_FALSE(summary.clears_keys);

  const auto orphan = file->Read(summary.id, keyring);
  ASSERT_TRUE(orphan.ok()) << orphan.status();
  EXPECT_EQ(orphan->creds->bytes, "{}");
  ASSERT_EQ(orphan->sets.size(), 1U);
  EXPECT_EQ(orphan->sets.front().value.bytes, "last");
  EXPECT_THAT(orphan->deletes, ElementsAre(KeyName{"t", "2"}));
  EXPECT_EQ(ReasonOf(file->Read(summary.id, nullptr).status()), kKeyMissing);
  EXPECT_TRUE(absl::IsNotFound(file->Read(summary.id + 1, keyring).status()));
}

TEST_F(OrphansTest, DeletedSessionIsToldAsThat) {
  Open(nullptr);
  BringHome();
  Commit write;
  write.creds = Value{ValueKind::kJson, "{}"};
  write.sets = {{{"t", "1"}, Text("v")}};
  Apply(write);
  Flushed(1);
  Commit erase;
  erase.action = Commit::Action::kDeleteSession;
  Apply(erase);
  Lose("");
  const auto file = Look();
  ASSERT_NE(file, nullptr);
  const auto orphans = file->List();
  ASSERT_TRUE(orphans.ok()) << orphans.status();
  ASSERT_EQ(orphans->size(), 1U);
  EXPECT_TRUE(orphans->front().deletes_creds);
  EXPECT_TRUE(orphans->front().clears_keys);
  const auto orphan = file->Read(orphans->front().id, nullptr);
  ASSERT_TRUE(orphan.ok()) << orphan.status();
  EXPECT_FALSE(orphan->creds.has_value());
  EXPECT_THAT(orphan->sets, IsEmpty());
}

TEST_F(OrphansTest, DiscardedOneIsGoneAndTheOthersStay) {
  Open(nullptr);
  for (const char* const value : {"v", "w"}) {
    BringHome();
    Commit write;
    write.sets = {{{"t", "1"}, Text(value)}};
    Apply(write);
    Lose("b");
  }
  const auto file = Look(OrphanFile::Purpose::kChange);
  ASSERT_NE(file, nullptr);
  auto orphans = file->List();
  ASSERT_TRUE(orphans.ok()) << orphans.status();
  ASSERT_EQ(orphans->size(), 2U);
  const std::uint64_t first = orphans->front().id;
  EXPECT_TRUE(file->Discard(first).ok());
  EXPECT_TRUE(absl::IsNotFound(file->Discard(first)));
  orphans = file->List();
  ASSERT_EQ(orphans->size(), 1U);
  EXPECT_EQ(file->Read(orphans->front().id, nullptr)->sets.front().value.bytes, "w");
}

TEST_F(OrphansTest, AreBroughtUnderAnotherKeyWithTheirFileWhichThenNeedsNoOther) {
  const auto old_keyring = test::MakeKeyring({{"old", 'a'}});
  const auto new_keyring = test::MakeKeyring({{"new", 'b'}});
  const auto seal = [this](const std::shared_ptr<const Keyring>& keyring) {
    near_.reset();
    const auto sealer = OpenSqliteSealer(path_);
    EXPECT_TRUE(sealer.ok()) << sealer.status();
    const auto report = migrations::SealSessions(**sealer, *keyring, [](std::uint64_t) {});
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->failed, IsEmpty());
    return migrations::ReadSealingState(**sealer)->orphans;
  };
  Open(old_keyring);
  BringHome();
  Commit write;
  write.creds = Value{ValueKind::kJson, "{}"};
  write.sets = {{{"t", "1"}, Text("v")}};
  write.deletes = {{"t", "2"}};
  Apply(write);
  Lose("b");
  const auto expect_whole = [this](std::shared_ptr<const Keyring> keyring) {
    const auto orphan = Look()->Read(1, std::move(keyring));
    ASSERT_TRUE(orphan.ok()) << orphan.status();
    EXPECT_EQ(orphan->creds->bytes, "{}");
    EXPECT_EQ(orphan->sets.front().value.bytes, "v");
    EXPECT_THAT(orphan->deletes, ElementsAre(KeyName{"t", "2"}));
  };

  const auto both = test::MakeKeyring({{"new", 'b'}, {"old", 'a'}});
  Open(both);
  EXPECT_THAT(seal(both).under, ElementsAre(Pair("new", 1)));
  Open(new_keyring);
  ASSERT_NO_FATAL_FAILURE(expect_whole(new_keyring));

  EXPECT_EQ(seal(test::MakeInactiveKeyring("new", 'b')).plain, 1U);
  Open(nullptr);
  ASSERT_NO_FATAL_FAILURE(expect_whole(nullptr));

  Open(new_keyring);
  EXPECT_THAT(seal(new_keyring).under, ElementsAre(Pair("new", 1)));
  EXPECT_EQ(ReasonOf(Look()->Read(1, nullptr).status()), kKeyMissing);
  ASSERT_NO_FATAL_FAILURE(expect_whole(new_keyring));
}

TEST_F(OrphansTest, ADamagedOneIsNamedAndStaysAsItIs) {
  const auto keyring = test::MakeKeyring({{"k", 'a'}});
  Open(keyring);
  BringHome();
  Commit write;
  write.sets = {{{"t", "1"}, Text("v")}};
  Apply(write);
  Lose("b");
  near_.reset();
  SqliteConnection(path_, SqliteConnection::Mode::kReadWrite)
      .database()
      .exec("UPDATE auth_orphan_changes SET value = substr(value, 2)");
  const auto sealer = OpenSqliteSealer(path_);
  ASSERT_TRUE(sealer.ok()) << sealer.status();
  const auto report = migrations::SealSessions(**sealer, *test::MakeInactiveKeyring("k", 'a'), [](std::uint64_t) {});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->failed.size(), 1U);
  EXPECT_EQ(report->failed[0].first, "the orphan 1 of s");
  EXPECT_THAT(migrations::ReadSealingState(**sealer)->orphans.under, ElementsAre(Pair("k", 1)));
}

TEST_F(OrphansTest, FileOfAnotherKindIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(OrphanFile::Open(path_, OrphanFile::Purpose::kLook).status()));
  SqliteOptions sqlite;
  sqlite.path = path_;
  ASSERT_TRUE(OpenSqliteBackend(std::move(sqlite)).ok());
  for (const auto purpose : {OrphanFile::Purpose::kLook, OrphanFile::Purpose::kChange}) {
    EXPECT_EQ(ReasonOf(OrphanFile::Open(path_, purpose).status()), kNearStoreMismatch);
  }
}

}  // namespace
}  // namespace authstate::storage
