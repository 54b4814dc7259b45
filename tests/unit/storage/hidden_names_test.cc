#include "storage/sealing/hidden_names.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate::storage {
namespace {

const KeyName kName = {"session", "5511999998888.0"};

absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

// A store that hides key ids, and what is below that.
class HiddenNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::unique_ptr<Backend> store = NewMemoryBackend();
    below_ = store.get();
    auto hiding = WithHiddenNames(std::move(store), keyring_.get(), wrapped_);
    ASSERT_TRUE(hiding.ok()) << hiding.status();
    hiding_ = *std::move(hiding);
  }

  std::string Hidden(const std::string& session_id, const KeyName& name) {
    return (*HiddenNames::Open(*keyring_, wrapped_))->Hide(session_id, name);
  }
  static void Set(Backend& backend, const KeyName& name, const std::string& bytes) {
    Commit commit;
    commit.session_id = "s";
    commit.sets = {{name, {ValueKind::kRaw, bytes}}};
    const auto applied = AwaitCall<std::vector<absl::StatusOr<Applied>>>(
        [&](auto done) { backend.Apply({commit}, Soon(), std::move(done)); });
    ASSERT_TRUE(applied[0].ok()) << applied[0].status();
  }
  static absl::StatusOr<ReadResult> Read(Backend& backend, const KeyName& name, std::size_t max_bytes = SIZE_MAX) {
    ReadRequest request;
    request.session_id = "s";
    request.keys = {name};
    request.max_bytes = max_bytes;
    return AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
        [&](auto done) { backend.Read({request}, Soon(), std::move(done)); })[0];
  }
  static absl::Status ReadWhole(Backend& backend) {
    SnapshotRequest request;
    request.session_id = "s";
    const auto snapshot = AwaitCall<absl::StatusOr<std::unique_ptr<Snapshot>>>(
        [&](auto done) { backend.OpenSnapshot(request, Soon(), std::move(done)); });
    if (!snapshot.ok()) return snapshot.status();
    return AwaitCall<absl::StatusOr<Snapshot::Page>>(
               [&](auto done) { (*snapshot)->Next(1 << 20, Soon(), std::move(done)); })
        .status();
  }

  const std::shared_ptr<const Keyring> keyring_ = test::MakeKeyring({{"k", 'a'}});
  const std::string wrapped_ = HiddenNames::NewKey(*keyring_);
  Backend* below_ = nullptr;
  std::unique_ptr<Backend> hiding_;
};

TEST_F(HiddenNamesTest, AreOfSessionTypeIdAndKey) {
  const std::string hidden = Hidden("s", kName);
  EXPECT_EQ(hidden.size(), 22U);
  EXPECT_EQ(Hidden("s", kName), hidden);
  EXPECT_NE(Hidden("t", kName), hidden);
  EXPECT_NE(Hidden("s", {"sender-key", kName.id}), hidden);
  EXPECT_NE(Hidden("s", {"session5", kName.id.substr(1)}), hidden);
  EXPECT_NE(Hidden("s", {"session", "5511999998889.0"}), hidden);
  EXPECT_NE((*HiddenNames::Open(*keyring_, HiddenNames::NewKey(*keyring_)))->Hide("s", kName), hidden);
}

TEST_F(HiddenNamesTest, StandInThePlaceOfIdsWhichAreInTheValues) {
  Set(*hiding_, kName, "value");
  EXPECT_FALSE(Read(*below_, kName)->values[0].has_value());
  EXPECT_EQ(Read(*below_, {"session", Hidden("s", kName)})->values[0]->bytes,
            absl::StrCat(std::string("\x0f\0", 2), kName.id, "value"));
  EXPECT_EQ(Read(*hiding_, kName)->values[0]->bytes, "value");
}

TEST_F(HiddenNamesTest, AnswersAreAsLargeAsTheyWere) {
  Set(*hiding_, kName, "value");
  EXPECT_TRUE(Read(*hiding_, kName, 5).ok());
  const absl::Status refused = Read(*hiding_, kName, 4).status();
  EXPECT_EQ(ReasonOf(refused).value_or(""), kResponseTooLarge);
  EXPECT_EQ(refused.message(), ResponseTooLarge(4).message());
}

TEST_F(HiddenNamesTest, AValueThatDoesNotBeginWithItsIdIsDamage) {
  for (const std::string& bytes :
       {std::string(), std::string("v"), std::string("\xff\xff too short"), std::string("\x01\0xvalue", 8)}) {
    Set(*below_, {"session", Hidden("s", kName)}, bytes);
    EXPECT_TRUE(absl::IsDataLoss(Read(*hiding_, kName).status())) << bytes;
    EXPECT_TRUE(absl::IsDataLoss(ReadWhole(*hiding_))) << bytes;
  }
}

}  // namespace
}  // namespace authstate::storage
