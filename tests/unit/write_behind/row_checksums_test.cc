// What a near store's file knows of where sessions are at home, and of what is not flushed: where it is not what was
// written, that is an error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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
  static absl::Status Homes(NearStore& near) {
    return AwaitCall<absl::StatusOr<std::vector<Home>>>([&](auto done) { near.ReadHomes(Soon(), std::move(done)); })
        .status();
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
    EXPECT_TRUE(absl::IsDataLoss(Homes(*near))) << Homes(*near);
    EXPECT_TRUE(absl::IsDataLoss(Unflushed(*near).status())) << Unflushed(*near).status();
    Execute(absl::StrCat("UPDATE auth_homes SET ", column, " = ", column, " - 1"));
    EXPECT_TRUE(Homes(*near).ok()) << Homes(*near);
    EXPECT_TRUE(Unflushed(*near).ok()) << Unflushed(*near).status();
  }
  Execute("UPDATE auth_homes SET checksum = x''");
  EXPECT_TRUE(absl::IsDataLoss(Homes(*OpenNear())));
}

TEST_F(RowChecksumsTest, AnotherValueInTheRowOfAChangeIsAnError) {
  for (const char* const edit : {"key_type = 'u'", "key_id = '1'", "revision = 1", "checksum = x''"}) {
    SCOPED_TRACE(edit);
    Run("CREATE TABLE sound AS SELECT * FROM auth_changes");
    Execute(absl::StrCat("UPDATE auth_changes SET ", edit));
    {
      const auto near = OpenNear();
      ASSERT_NE(near, nullptr);
      EXPECT_TRUE(absl::IsDataLoss(Unflushed(*near).status())) << Unflushed(*near).status();
    }
    Execute("DELETE FROM auth_changes");
    Execute("INSERT INTO auth_changes SELECT * FROM sound");
    Run("DROP TABLE sound");
  }
  EXPECT_TRUE(Unflushed(*OpenNear()).ok());
}

// What nothing would flush is not acknowledged.
TEST_F(RowChecksumsTest, NothingIsWrittenIntoAHomeWhoseRowIsDamaged) {
  const auto near = OpenNear();
  ASSERT_NE(near, nullptr);
  const std::uint64_t fence = LeaseIn(*near, "s").fence;
  Execute("UPDATE auth_homes SET far_fence = far_fence + 1");
  const auto refused = ApplyTo(*near, {SetKey("s", fence, "3", "late")}, Soon());
  EXPECT_TRUE(absl::IsDataLoss(refused.front().status())) << refused.front().status();
  EXPECT_TRUE(IsNotApplied(refused.front().status()));
  Execute("UPDATE auth_homes SET far_fence = far_fence - 1");
  const auto applied = ApplyTo(*near, {SetKey("s", fence, "3", "v")}, Soon());
  ASSERT_TRUE(applied.front().ok()) << applied.front().status();
  EXPECT_EQ(applied.front()->revision, 3U);
}

// What is not flushed cannot be told from what is.
TEST_F(RowChecksumsTest, OfASessionThatIsLostAllIsPutAsideWhereItsRowsAreDamaged) {
  Execute("UPDATE auth_changes SET key_id = '1'");
  {
    const auto near = OpenNear();
    ASSERT_NE(near, nullptr);
    const absl::Status lost = ChangeIn(*near, Step(HomeChange::Step::kLose, "s"), Soon());
    ASSERT_TRUE(lost.ok()) << lost;
  }
  const auto file = OrphanFile::Open(server_.path(), OrphanFile::Purpose::kLook);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto orphans = (*file)->List();
  ASSERT_TRUE(orphans.ok()) << orphans.status();
  ASSERT_EQ(orphans->size(), 1U);
  EXPECT_EQ(orphans->front().sets, 2U);
}

TEST_F(RowChecksumsTest, RowsOfAVersionBeforeAreCheckedFromTheFirstStartOn) {
  Execute("UPDATE auth_homes SET checksum = x''");
  Execute("UPDATE auth_changes SET checksum = x''");
  Execute("UPDATE auth_schema_migrations SET serves_from = 4 WHERE name = 'home_checksums'");
  {
    const auto near = OpenNear();
    ASSERT_NE(near, nullptr);
    EXPECT_TRUE(Homes(*near).ok()) << Homes(*near);
    const auto unflushed = Unflushed(*near);
    ASSERT_TRUE(unflushed.ok()) << unflushed.status();
    EXPECT_EQ(unflushed->commit.sets.size(), 1U);
  }
  // What a version before would write now is not taken for sound; so it may not serve the file.
  Execute(
      "UPDATE auth_schema_migrations SET serves_from = serves_from WHERE name = 'home_checksums' AND serves_from = "
      "version");
  Execute("UPDATE auth_changes SET checksum = x''");
  EXPECT_TRUE(absl::IsDataLoss(Unflushed(*OpenNear()).status()));
}

}  // namespace
}  // namespace authstate::storage
