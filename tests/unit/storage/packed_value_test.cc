#include "storage/packed_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::Optional;

constexpr int kCompressedJson = 4;

// As a Signal session: the same words over and over, around base64 that does not repeat.
Value Session(std::size_t bytes) {
  std::mt19937_64 random(1);
  std::string text = "{";
  while (text.size() < bytes) {
    text += absl::StrCat("\"", random(), "\":{\"chainKey\":{\"counter\":0},\"chainType\":2,\"messageKeys\":{}},");
  }
  text.resize(bytes);
  return {ValueKind::kJson, text};
}

Value Noise(std::size_t bytes) {
  std::mt19937 random(1);
  std::string noise(bytes, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  return {ValueKind::kRaw, noise};
}

absl::StatusOr<Value> ThereAndBack(const Value& value) {
  std::string buffer;
  const PackedValue packed = PackValue(value, &buffer);
  return UnpackValue(packed.kind, std::string(packed.bytes));
}

TEST(PackedValueTest, ComesBackWhateverItIs) {
  for (const std::size_t bytes : {std::size_t{0}, kPackFrom - 1, kPackFrom, std::size_t{100'000}, kMaxValueBytes}) {
    EXPECT_EQ(ThereAndBack(Session(bytes)).value(), Session(bytes)) << bytes;
    EXPECT_EQ(ThereAndBack(Noise(bytes)).value(), Noise(bytes)) << bytes;
  }
}

TEST(PackedValueTest, CompressesWhatShrinks) {
  const Value session = Session(100'000);
  std::string buffer;
  const PackedValue packed = PackValue(session, &buffer);
  EXPECT_EQ(packed.kind, kCompressedJson);
  EXPECT_LT(packed.bytes.size(), session.bytes.size() / 2);
  EXPECT_EQ(UnpackedSize(packed.kind, packed.bytes), session.bytes.size());
}

TEST(PackedValueTest, LeavesAloneWhatIsShortOrDoesNotShrink) {
  for (const Value& value : {Session(kPackFrom - 1), Noise(100'000)}) {
    std::string buffer;
    const PackedValue packed = PackValue(value, &buffer);
    EXPECT_EQ(packed.kind, static_cast<int>(value.kind));
    EXPECT_EQ(packed.bytes.data(), value.bytes.data()) << "no copy";
    EXPECT_EQ(UnpackedSize(packed.kind, packed.bytes), value.bytes.size());
  }
}

TEST(PackedValueTest, DamageNeverMakesAnotherValue) {
  const Value session = Session(2'000);
  std::string buffer;
  const std::string whole(PackValue(session, &buffer).bytes);
  int found = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    const auto value = UnpackValue(kCompressedJson, flipped);
    // A frame has a few bits that mean nothing.
    if (value.ok()) {
      EXPECT_EQ(*value, session) << "byte " << at;
      continue;
    }
    ++found;
    EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss) << "byte " << at;
    EXPECT_THAT(ReasonOf(value.status()), Optional(std::string(kCorruptValue)));
  }
  EXPECT_GT(found, static_cast<int>(whole.size()) - 10);
}

TEST(PackedValueTest, WhatIsCutOffIsNoValue) {
  std::string buffer;
  const std::string whole(PackValue(Session(2'000), &buffer).bytes);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    EXPECT_EQ(UnpackValue(kCompressedJson, whole.substr(0, at)).status().code(), absl::StatusCode::kDataLoss)
        << "cut after " << at;
  }
}

TEST(PackedValueTest, ALengthBeyondTheLimitIsNotBelieved) {
  EXPECT_EQ(UnpackValue(kCompressedJson, "\xff\xff\xff\xff frame").status().code(), absl::StatusCode::kDataLoss);
}

TEST(PackedValueTest, UnknownKindsAreNoValues) {
  for (const int kind : {-1, 0, 5, 256}) {
    EXPECT_EQ(UnpackValue(kind, "bytes").status().code(), absl::StatusCode::kDataLoss) << kind;
  }
}

TEST(PackedValueTest, ResultOutlivesTheNextOne) {
  const Value one = Session(2'000);
  const Value other = Session(90'000);
  std::string buffer;
  std::string other_buffer;
  const PackedValue packed = PackValue(one, &buffer);
  ASSERT_NE(PackValue(other, &other_buffer).bytes.data(), other.bytes.data());
  const auto unpacked = UnpackValue(packed.kind, std::string(packed.bytes));
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, one);
}

}  // namespace
}  // namespace authstate::storage
