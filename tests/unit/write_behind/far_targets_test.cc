// The far store as one of several databases, of which another one may serve next.
#include "storage/write_behind/far_targets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/stores.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

// As one of several ways to the same data.
class Way final : public ForwardingBackend {
 public:
  Way(Backend* shared, Description description) : ForwardingBackend(shared), description_(std::move(description)) {}
  Description Describe() const override { return description_; }

 private:
  const Description description_;
};

class FarTargetsTest : public testing::Test {
 protected:
  BackendSwitch::TargetOptions Target(const std::string& name, const std::string& store_id,
                                      const std::string& layout = "native") {
    BackendSwitch::TargetOptions target;
    target.name = name;
    target.open = [this, name, store_id, layout]() -> absl::StatusOr<std::unique_ptr<Backend>> {
      if (away_) return absl::UnavailableError("away");
      return std::make_unique<Way>(far_.get(), Description{"memory", name, name, 0, layout, "", "", store_id});
    };
    return target;
  }
  absl::Status Open(BackendSwitch::Options options) {
    SqliteOptions sqlite;
    sqlite.path = folder_.File("near.db");
    auto near = OpenSqliteNearStore(std::move(sqlite));
    if (!near.ok()) return near.status();
    near_ = near->get();
    options.lag_patience = absl::ZeroDuration();
    options.before_serving = [this](const Description& from, const Description& to) {
      return MoveBefore(*near_, from, to);
    };
    targets_ = std::make_unique<FarTargets>(std::move(options));
    WriteBehindOptions behind;
    behind.timer = std::make_shared<DeadlineTimer>();
    behind.open_far = [this] { return targets_->Open(); };
    auto tier = OpenWriteBehind(*std::move(near), std::move(behind));
    if (!tier.ok()) return tier.status();
    tier_ = *std::move(tier);
    return absl::OkStatus();
  }
  absl::Status SwitchTo(const std::string& target) {
    return AwaitCall<absl::Status>([&](auto done) {
      targets_->Switch(
          {target, /*force=*/false, absl::Seconds(30)}, [] { return false; }, [](const SwitchProgress&) {},
          [done = std::move(done)](absl::Status status, const SwitchReport& /*report*/) mutable {
            done(std::move(status));
          });
    });
  }
  std::string Serving() {
    for (const TargetState& target : targets_->ListTargets()) {
      if (target.serving) return target.name;
    }
    return "";
  }
  void MustSet(std::uint64_t fence, const std::string& value) {
    const auto applied = ApplyTo(*tier_, {SetKey("s", fence, "1", value)}, absl::Now() + absl::Minutes(1));
    EXPECT_TRUE(applied.front().ok()) << applied.front().status();
  }
  std::uint64_t Acquire() {
    LeaseRequest request = AskFor("s");
    request.action = LeaseRequest::Action::kAcquire;
    request.owner = "a";
    request.ttl = absl::Hours(1);
    const auto acquired = AskLease(*tier_, request, absl::Now() + absl::Minutes(1));
    EXPECT_TRUE(acquired.ok()) << acquired.status();
    return acquired.ok() ? acquired->lease.fence : 0;
  }

  std::atomic<bool> away_ = false;
  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  test::TempDir folder_;
  std::unique_ptr<FarTargets> targets_;
  NearStore* near_ = nullptr;
  std::unique_ptr<Backend> tier_;
};

TEST_F(FarTargetsTest, WhatIsAtHomeGoesOnBeforeTheOtherDatabase) {
  BackendSwitch::Options options;
  options.targets = {Target("timeweb", "a"), Target("supabase", "b")};
  ASSERT_TRUE(Open(std::move(options)).ok());
  const std::uint64_t fence = Acquire();
  MustSet(fence, "v");
  EXPECT_EQ(near_->far_id(), "a");
  ASSERT_TRUE(SwitchTo("supabase").ok());
  EXPECT_EQ(Serving(), "supabase");
  EXPECT_EQ(near_->far_id(), "b");
  MustSet(fence, "w");
  AwaitSame(*tier_, *far_, "s");
}

// What is acknowledged and not flushed was checked against the one that served.
TEST_F(FarTargetsTest, DatabaseOfAnotherLayoutIsRefusedAndTheOldOneServesOn) {
  BackendSwitch::Options options;
  options.targets = {Target("timeweb", "a"), Target("supabase", "b", "legacy")};
  ASSERT_TRUE(Open(std::move(options)).ok());
  const std::uint64_t fence = Acquire();
  const absl::Status refused = SwitchTo("supabase");
  EXPECT_EQ(ReasonOf(refused), kNearStoreMismatch);
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_EQ(near_->far_id(), "a");
  MustSet(fence, "v");
  AwaitSame(*tier_, *far_, "s");
}

TEST_F(FarTargetsTest, NoneIsCopiedAsNoneHasAllSessions) {
  BackendSwitch::Options options;
  options.targets = {Target("timeweb", "a")};
  ASSERT_TRUE(Open(std::move(options)).ok());
  const auto refused = AwaitCall<absl::StatusOr<CopyReport>>([&](auto done) { targets_->Copy({}, std::move(done)); });
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), kNotAFile);
}

TEST_F(FarTargetsTest, AllAreToldAndNoneIsSwitchedToWhereNoneWasReachedYet) {
  BackendSwitch::Options options;
  options.targets = {Target("timeweb", "a"), Target("supabase", "b")};
  ASSERT_TRUE(Open(options).ok());
  tier_.reset();
  away_ = true;
  ASSERT_TRUE(Open(options).ok());
  const std::vector<TargetState> targets = targets_->ListTargets();
  ASSERT_EQ(targets.size(), 2U);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_EQ(targets[i].name, options.targets[i].name);
    EXPECT_EQ(targets[i].statements, options.targets[i].stats);
    EXPECT_EQ(targets[i].calls, options.targets[i].calls);
  }
  EXPECT_EQ(Serving(), "");
  EXPECT_EQ(ReasonOf(SwitchTo("supabase")), kTargetNotOpened);
  away_ = false;
  while (Serving().empty()) {
  }
  EXPECT_TRUE(SwitchTo("supabase").ok());
}

}  // namespace
}  // namespace authstate::storage
