// Data keys, sealed values, and what a store knows of its keyring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "contract/limits.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sealing/data_key.h"
#include "storage/sealing/keyring_marks.h"
#include "storage/sealing/sealed_value.h"
#include "storage/sealing/session_keys.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate::storage {
namespace {

using test::MakeKeyring;
using ::testing::HasSubstr;
using ::testing::Optional;

const ValuePlace kPlace = {"s", "session", "1"};
const Value kValue = {ValueKind::kJson, R"({"secret":"canary"})"};

DataKey NewKey(absl::string_view session_id = "s") {
  const auto keyring = MakeKeyring({{"k", 'a'}});
  return *UnwrapKey(keyring.get(), session_id, NewWrappedKey(*keyring, session_id));
}

template <typename T>
bool IsDamage(const absl::StatusOr<T>& answer) {
  return absl::IsDataLoss(answer.status()) && ReasonOf(answer.status()) == std::string(kCorruptValue);
}

TEST(SealedValueTest, ComesBackWhateverItIs) {
  const DataKey key = NewKey();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kPackFrom, std::size_t{100'000}, kMaxValueBytes}) {
    for (const ValueKind kind : {ValueKind::kRaw, ValueKind::kJson}) {
      const Value value = {kind, std::string(bytes, 'x')};
      const PackedValue packed = PackValue(kPlace, value, &key);
      EXPECT_TRUE(IsSealedKind(packed.kind));
      EXPECT_EQ(UnpackedSize(packed.kind, packed.bytes), bytes);
      EXPECT_EQ(UnpackValue(kPlace, packed.kind, packed.bytes, &key).value(), value);
    }
  }
}

TEST(SealedValueTest, ShowsNothingAndIsNeverTheSameTwice) {
  const DataKey key = NewKey();
  const PackedValue packed = PackValue(kPlace, kValue, &key);
  EXPECT_FALSE(absl::StrContains(packed.bytes, "canary"));
  EXPECT_NE(PackValue(kPlace, kValue, &key).bytes, packed.bytes);
}

TEST(SealedValueTest, EveryOtherBitIsDataLoss) {
  const DataKey key = NewKey();
  const PackedValue packed = PackValue(kPlace, kValue, &key);
  for (std::size_t bit = 0; bit < 8 * packed.bytes.size(); ++bit) {
    std::string flipped = packed.bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_TRUE(IsDamage(UnpackValue(kPlace, packed.kind, flipped, &key))) << bit;
  }
  for (std::size_t size = 0; size < packed.bytes.size(); ++size) {
    EXPECT_TRUE(IsDamage(UnpackValue(kPlace, packed.kind, packed.bytes.substr(0, size), &key))) << size;
  }
  EXPECT_TRUE(IsDamage(UnpackValue(kPlace, packed.kind, packed.bytes + '\0', &key)));
}

TEST(SealedValueTest, EveryOtherKindPlaceOrKeyIsDataLoss) {
  const DataKey key = NewKey();
  const DataKey other_key = NewKey();
  const PackedValue packed = PackValue(kPlace, kValue, &key);
  for (int kind = -1; kind < 16; ++kind) {
    EXPECT_EQ(IsDamage(UnpackValue(kPlace, kind, packed.bytes, &key)), kind != packed.kind) << kind;
  }
  for (const ValuePlace& place : {ValuePlace{"t", "session", "1"}, ValuePlace{"s", "sessio", "n1"},
                                  ValuePlace{"s", "session", "2"}, ValuePlace{"s", "", ""}}) {
    EXPECT_TRUE(IsDamage(UnpackValue(place, packed.kind, packed.bytes, &key))) << place.id;
  }
  EXPECT_TRUE(IsDamage(UnpackValue(kPlace, packed.kind, packed.bytes, &other_key)));
  EXPECT_TRUE(IsDamage(UnpackValue(kPlace, packed.kind, packed.bytes)));
}

TEST(SealedValueTest, PlainValueIsNoneInASessionThatHasAKey) {
  const DataKey key = NewKey();
  const PackedValue plain = PackValue(kPlace, kValue);
  EXPECT_TRUE(IsDamage(UnpackValue(kPlace, plain.kind, plain.bytes, &key)));
  EXPECT_TRUE(IsDamage(UnpackValue(kPlace, static_cast<int>(kValue.kind), kValue.bytes, &key)));
}

TEST(DataKeyTest, RewrappedIsTheSameKeyUnderAnother) {
  const auto keyring = MakeKeyring({{"old", 'a'}, {"new", 'b'}});
  const auto turned = MakeKeyring({{"new", 'b'}, {"old", 'a'}});
  const auto later = MakeKeyring({{"new", 'b'}});
  const std::string wrapped = NewWrappedKey(*keyring, "s");
  EXPECT_EQ(WrappedUnder(wrapped), "old");
  const auto rewrapped = RewrapKey(*turned, "s", wrapped);
  ASSERT_TRUE(rewrapped.ok()) << rewrapped.status();
  EXPECT_EQ(WrappedUnder(*rewrapped), "new");
  EXPECT_EQ(DataKeyMark(*rewrapped), DataKeyMark(wrapped));
  const DataKey key = *UnwrapKey(keyring.get(), "s", wrapped);
  const PackedValue packed = PackValue(kPlace, kValue, &key);
  const DataKey same = *UnwrapKey(later.get(), "s", *rewrapped);
  EXPECT_EQ(UnpackValue(kPlace, packed.kind, packed.bytes, &same).value(), kValue);
}

TEST(DataKeyTest, EveryOtherByteSessionOrKeyIsDataLoss) {
  const auto keyring = MakeKeyring({{"k", 'a'}});
  const auto forged = MakeKeyring({{"k", 'b'}});
  const std::string wrapped = NewWrappedKey(*keyring, "s");
  for (std::size_t at = 0; at < wrapped.size(); ++at) {
    std::string flipped = wrapped;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(keyring.get(), "s", flipped).status())) << at;
    EXPECT_TRUE(absl::IsDataLoss(UnwrapKey(keyring.get(), "s", wrapped.substr(0, at)).status())) << at;
  }
  EXPECT_TRUE(IsDamage(UnwrapKey(keyring.get(), "t", wrapped)));
  EXPECT_TRUE(IsDamage(UnwrapKey(forged.get(), "s", wrapped)));
}

TEST(DataKeyTest, KeyThatTheKeyringLacksIsNamed) {
  const std::string wrapped = NewWrappedKey(*MakeKeyring({{"gone", 'a'}}), "s");
  const auto other = MakeKeyring({{"k", 'b'}});
  for (const Keyring* keyring : {other.get(), static_cast<const Keyring*>(nullptr)}) {
    const absl::Status status = UnwrapKey(keyring, "s", wrapped).status();
    EXPECT_THAT(ReasonOf(status), Optional(std::string(kKeyMissing)));
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"gone\""));
  }
}

TEST(KeyringMarksTest, KeyringHasToHaveEachKeyAsItWas) {
  const auto keyring = MakeKeyring({{"a", '1'}, {"b", '2'}});
  const std::vector<KeyringMark> marks = {MarkOf(*keyring, "a"), MarkOf(*keyring, "b")};
  EXPECT_TRUE(CheckKeyring(keyring.get(), marks).ok());
  EXPECT_TRUE(CheckKeyring(keyring.get(), {}).ok());
  EXPECT_TRUE(CheckKeyring(nullptr, {}).ok());
  const auto why = [&marks](const Keyring* other) {
    const absl::Status status = CheckKeyring(other, marks);
    EXPECT_EQ(ReasonOf(status), std::string(kKeyringMismatch));
    return std::string(status.message());
  };
  EXPECT_THAT(why(nullptr), HasSubstr("the store is encrypted"));
  EXPECT_THAT(why(MakeKeyring({{"a", '1'}}).get()), HasSubstr("the key \"b\", which the keyring lacks"));
  EXPECT_THAT(why(MakeKeyring({{"a", '1'}, {"b", '3'}}).get()), HasSubstr("key \"b\" is not the one"));
}

TEST(SessionKeysTest, SealsNewSessionsAndWhatItHasLearned) {
  SessionKeys keys(MakeKeyring({{"k", 'a'}}));
  auto sealing = keys.SealingFor("s");
  ASSERT_TRUE(sealing.ok()) << sealing.status();
  EXPECT_TRUE(sealing->made);
  EXPECT_NE(sealing->data_key(), nullptr);
  const std::string wrapped = sealing->wrapped;
  keys.Learn("s", wrapped);
  sealing = keys.SealingFor("s");
  EXPECT_FALSE(sealing->made);
  EXPECT_EQ(sealing->wrapped, wrapped);
  keys.Saw("s", /*present=*/true, "");
  EXPECT_EQ(keys.SealingFor("s")->data_key(), nullptr) << "a session that has values and no key is plain";
  keys.Saw("s", /*present=*/false, "");
  EXPECT_TRUE(keys.SealingFor("s")->made);
}

TEST(SessionKeysTest, WithoutAKeyringNothingIsSealedAndNothingThatIsCanBe) {
  SessionKeys keys(nullptr);
  EXPECT_EQ(keys.SealingFor("s")->data_key(), nullptr);
  keys.Saw("s", /*present=*/true, NewWrappedKey(*MakeKeyring({{"k", 'a'}}), "s"));
  EXPECT_THAT(ReasonOf(keys.SealingFor("s").status()), Optional(std::string(kKeyMissing)));
}

}  // namespace
}  // namespace authstate::storage
