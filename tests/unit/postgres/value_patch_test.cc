#include "storage/postgres/layout/value_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sealing/sealed_value.h"
#include "tests/support/growing_record.h"
#include "tests/unit/keyring/test_keyring.h"

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

DataKey NewKey() {
  const auto keyring = test::MakeKeyring({{"k", 'a'}});
  return *UnwrapKey(keyring.get(), "s", NewWrappedKey(*keyring, "s"));
}

TEST(SealedPatchTest, ComesBackAndIsSmall) {
  const DataKey key = NewKey();
  for (const ValueKind kind_of_base : {ValueKind::kJson, ValueKind::kRaw}) {
    GrowingRecord record(kChains);
    const PackedValue packed = PackValue(kPlace, {kind_of_base, record.value().bytes}, &key);
    ASSERT_TRUE(MayBeBase(packed.kind, packed.bytes));
    record.Turn();
    const auto patch = MakePatch(kPlace, packed.bytes, record.value(), &key);
    ASSERT_TRUE(patch.has_value());
    EXPECT_TRUE(IsSealedKind(patch->kind));
    EXPECT_TRUE(IsPatchedKind(patch->kind));
    EXPECT_LT(patch->bytes.size(), packed.bytes.size() / 50);
    EXPECT_EQ(UnpackedSize(patch->kind, patch->bytes), record.value().bytes.size());
    EXPECT_EQ(ApplyPatch(kPlace, patch->kind, packed.bytes, patch->bytes, &key).value(), record.value());
  }
}

TEST(SealedPatchTest, BaseOfAnotherKeyIsNone) {
  const DataKey key = NewKey();
  const DataKey other = NewKey();
  GrowingRecord record(kChains);
  EXPECT_FALSE(MakePatch(kPlace, PackValue(kPlace, record.value(), &other).bytes, record.value(), &key).has_value());
  EXPECT_FALSE(MakePatch(kPlace, PackValue(kPlace, record.value(), &other).bytes, record.value()).has_value());
}

TEST(SealedPatchTest, EveryOtherBytePlaceKindKeyOrBaseIsDataLoss) {
  const DataKey key = NewKey();
  const DataKey other_key = NewKey();
  GrowingRecord record(200);
  const std::string base = PackValue(kPlace, record.value(), &key).bytes;
  // The same value, sealed anew: what the patch makes of it would be right, and is none all the same.
  const std::string new_base = PackValue(kPlace, record.value(), &key).bytes;
  record.Turn();
  const PackedValue patch = *MakePatch(kPlace, base, record.value(), &key);
  const auto is_damage = [&](const std::string& damaged_base, const std::string& damaged_patch, int kind,
                             const ValuePlace& place, const DataKey* with) {
    return absl::IsDataLoss(ApplyPatch(place, kind, damaged_base, damaged_patch, with).status());
  };
  EXPECT_TRUE(is_damage(new_base, patch.bytes, patch.kind, kPlace, &key));
  EXPECT_TRUE(is_damage(base, patch.bytes, patch.kind - 1, kPlace, &key));
  EXPECT_TRUE(is_damage(base, patch.bytes, patch.kind, {"s", "session", "2"}, &key));
  EXPECT_TRUE(is_damage(base, patch.bytes, patch.kind, kPlace, &other_key));
  EXPECT_TRUE(is_damage(base, patch.bytes, patch.kind, kPlace, nullptr));
  EXPECT_TRUE(is_damage("", patch.bytes, patch.kind, kPlace, &key));
  for (std::size_t at = 0; at < patch.bytes.size(); ++at) {
    std::string flipped = patch.bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_TRUE(is_damage(base, flipped, patch.kind, kPlace, &key)) << at;
    EXPECT_TRUE(is_damage(base, patch.bytes.substr(0, at), patch.kind, kPlace, &key)) << at;
  }
  for (std::size_t at = 0; at < base.size(); at += 53) {
    std::string flipped = base;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_TRUE(is_damage(flipped, patch.bytes, patch.kind, kPlace, &key)) << at;
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
