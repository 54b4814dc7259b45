#include "storage/postgres/layout/value_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/error.h"
#include "storage/packed_value.h"
#include "tests/support/growing_record.h"

namespace authstate::storage {
namespace {

using test::GrowingRecord;
using ::testing::Optional;

constexpr std::size_t kChains = 900;
const ValuePlace kPlace = {"s", "session", "1"};

std::string Packed(const Value& value) { return PackValue(kPlace, value).bytes; }

TEST(ValuePatchTest, ComesBackAndIsSmall) {
  GrowingRecord record(kChains);
  const PackedValue packed = PackValue(kPlace, record.value());
  ASSERT_TRUE(MayBeBase(packed.kind, packed.bytes));
  const std::string base(packed.bytes);
  record.Turn();
  const auto patch = MakePatch(kPlace, base, record.value());
  ASSERT_TRUE(patch.has_value());
  EXPECT_LT(patch->bytes.size(), base.size() / 50);
  EXPECT_EQ(ApplyPatch(kPlace, patch->kind, base, patch->bytes).value(), record.value());
}

TEST(ValuePatchTest, KindIsThatOfTheValueAndNotOfTheBase) {
  GrowingRecord record(kChains);
  Value raw = record.value();
  raw.kind = ValueKind::kRaw;
  const std::string base = Packed(record.value());
  const auto patch = MakePatch(kPlace, base, raw);
  ASSERT_TRUE(patch.has_value());
  EXPECT_TRUE(IsPatchedKind(patch->kind));
  EXPECT_EQ(ApplyPatch(kPlace, patch->kind, base, patch->bytes).value(), raw);
}

TEST(ValuePatchTest, ValueThatHasBecomeAnotherIsWrittenWhole) {
  const std::string base = Packed(GrowingRecord(kChains, 1).value());
  EXPECT_FALSE(MakePatch(kPlace, base, GrowingRecord(kChains, 2).value()).has_value());
}

TEST(ValuePatchTest, ShortAndVeryLongValuesAreNoBases) {
  for (const std::size_t chains : {std::size_t{10}, std::size_t{20'000}}) {
    const Value value = GrowingRecord(chains).value();
    const PackedValue packed = PackValue(kPlace, value);
    EXPECT_FALSE(MayBeBase(packed.kind, packed.bytes)) << chains;
  }
  const Value stored_as_it_is = {ValueKind::kRaw, std::string(kPatchFrom, 'x')};
  EXPECT_FALSE(MayBeBase(static_cast<int>(stored_as_it_is.kind), stored_as_it_is.bytes));
  EXPECT_FALSE(MakePatch(kPlace, Packed(GrowingRecord(kChains).value()), GrowingRecord(20'000).value()).has_value());
}

TEST(ValuePatchTest, MarksTellOneTurnFromAnother) {
  GrowingRecord record(kChains);
  const std::string before = Packed(record.value());
  record.Turn();
  EXPECT_NE(BaseMark(before), BaseMark(Packed(record.value())));
}

TEST(ValuePatchTest, AnotherBaseIsDataLoss) {
  GrowingRecord record(kChains);
  const std::string base = Packed(record.value());
  record.Turn();
  const std::string other = Packed(record.value());
  record.Turn();
  const auto patch = MakePatch(kPlace, base, record.value());
  ASSERT_TRUE(patch.has_value());
  const auto value = ApplyPatch(kPlace, patch->kind, other, patch->bytes);
  EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(ReasonOf(value.status()), Optional(std::string(kCorruptValue)));
}

TEST(ValuePatchTest, ValueOfAnotherPlaceIsDataLoss) {
  GrowingRecord record(kChains);
  const std::string base = Packed(record.value());
  record.Turn();
  const auto patch = MakePatch(kPlace, base, record.value());
  ASSERT_TRUE(patch.has_value());
  EXPECT_EQ(ApplyPatch({"t", "session", "1"}, patch->kind, base, patch->bytes).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(ValuePatchTest, DamageNeverMakesAnotherValue) {
  GrowingRecord record(200);
  const std::string base = Packed(record.value());
  record.Turn();
  const auto patch = MakePatch(kPlace, base, record.value());
  ASSERT_TRUE(patch.has_value());
  const auto check = [&](const std::string& damaged_base, const std::string& damaged_patch) {
    const auto value = ApplyPatch(kPlace, patch->kind, damaged_base, damaged_patch);
    // A frame has a few bits that mean nothing.
    if (value.ok()) {
      EXPECT_EQ(*value, record.value());
      return 0;
    }
    EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss);
    return 1;
  };
  int found = 0;
  for (std::size_t at = 0; at < patch->bytes.size(); ++at) {
    std::string flipped = patch->bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    found += check(base, flipped);
  }
  EXPECT_GT(found, static_cast<int>(patch->bytes.size()) - 10);
  for (std::size_t at = 0; at < patch->bytes.size() - kTrailerBytes; ++at) {
    EXPECT_EQ(check(base, patch->bytes.substr(0, at)), 1) << "cut after " << at;
  }
  constexpr std::size_t kStep = 97;
  for (std::size_t at = 0; at < base.size() - kTrailerBytes; at += kStep) {
    std::string flipped = base;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    check(flipped, patch->bytes);
    EXPECT_EQ(check(base.substr(0, at), patch->bytes), 1) << "cut after " << at;
  }
}

TEST(ValuePatchTest, OtherKindsAreNone) {
  const std::string base = Packed(GrowingRecord(kChains).value());
  for (const int kind : {-1, 0, 1, 4, 7}) {
    EXPECT_EQ(ApplyPatch(kPlace, kind, base, "patch").status().code(), absl::StatusCode::kDataLoss) << kind;
  }
}

}  // namespace
}  // namespace authstate::storage
