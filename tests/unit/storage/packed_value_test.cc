#include "storage/packed_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::Optional;

constexpr int kPackedJson = 4;
const ValuePlace kPlace = {"s", "session", "1"};

// As a Signal session: the same words over and over, around base64 that does not repeat.
Value Session(std::size_t bytes) {
  std::mt19937_64 random(1);
  std::string text = "{";
  while (text.size() < bytes) {
    text += absl::StrCat("\"", random(), R"(":{"chainKey":{"counter":0},"chainType":2,"messageKeys":{}},)");
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
  const PackedValue packed = PackValue(kPlace, value);
  EXPECT_EQ(UnpackedSize(packed.kind, packed.bytes), value.bytes.size());
  return UnpackValue(kPlace, packed.kind, packed.bytes);
}

TEST(PackedValueTest, ComesBackWhateverItIs) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{255}, std::size_t{256}, kPackFrom - 1, kPackFrom,
                                  std::size_t{100'000}, kMaxValueBytes}) {
    EXPECT_EQ(ThereAndBack(Session(bytes)).value(), Session(bytes)) << bytes;
    EXPECT_EQ(ThereAndBack(Noise(bytes)).value(), Noise(bytes)) << bytes;
  }
}

TEST(PackedValueTest, CompressesWhatShrinks) {
  const Value session = Session(100'000);
  const PackedValue packed = PackValue(kPlace, session);
  EXPECT_EQ(packed.kind, kPackedJson);
  EXPECT_LT(packed.bytes.size(), session.bytes.size() / 2);
}

TEST(PackedValueTest, AddsLittleToWhatIsShortOrDoesNotShrink) {
  for (const Value& value : {Session(kPackFrom - 1), Noise(100'000)}) {
    EXPECT_LE(PackValue(kPlace, value).bytes.size(), value.bytes.size() + 32);
  }
}

// Servers of the version before know neither the frames of short values nor the checksum.
TEST(PackedValueTest, IsAFrameThatPlainDecompressionTakes) {
  constexpr std::size_t kLengthBytes = 4;
  for (const Value& value : {Session(0), Session(300), Session(2'000), Noise(100'000)}) {
    const std::string packed = PackValue(kPlace, value).bytes;
    std::string bytes(value.bytes.size(), '\0');
    const std::size_t made =
        ZSTD_decompress(bytes.data(), bytes.size(), packed.data() + kLengthBytes, packed.size() - kLengthBytes);
    EXPECT_EQ(made, value.bytes.size());
    EXPECT_EQ(bytes, value.bytes);
  }
}

TEST(PackedValueTest, ReadsWhatEarlierVersionsWrote) {
  EXPECT_EQ(UnpackValue(kPlace, 1, "raw").value(), (Value{ValueKind::kRaw, "raw"}));
  EXPECT_EQ(UnpackValue(kPlace, 2, "{}").value(), (Value{ValueKind::kJson, "{}"}));
  std::string packed = PackValue(kPlace, Session(2'000)).bytes;
  packed.resize(packed.size() - kTrailerBytes);
  EXPECT_EQ(UnpackValue(kPlace, kPackedJson, packed).value(), Session(2'000));
}

TEST(PackedValueTest, ValueOfAnotherPlaceIsNone) {
  const PackedValue packed = PackValue(kPlace, Session(100));
  for (const ValuePlace& place : {ValuePlace{"t", "session", "1"}, ValuePlace{"s", "session", "2"},
                                  ValuePlace{"s", "sessio", "n1"}, ValuePlace{"s", "", ""}}) {
    EXPECT_EQ(UnpackValue(place, packed.kind, packed.bytes).status().code(), absl::StatusCode::kDataLoss);
  }
}

// Flips bits of the bytes, and of the kind, where one bit makes a packed value a plain one.
TEST(PackedValueTest, NoFlippedBitMakesAnotherValue) {
  for (const Value& value : {Session(0), Session(100), Session(300), Session(2'000)}) {
    const PackedValue whole = PackValue(kPlace, value);
    const auto check = [&value](const PackedValue& flipped) {
      const auto unpacked = UnpackValue(kPlace, flipped.kind, flipped.bytes);
      if (unpacked.ok()) {
        EXPECT_EQ(*unpacked, value);
        return false;
      }
      EXPECT_EQ(unpacked.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(ReasonOf(unpacked.status()), Optional(std::string(kCorruptValue)));
      return true;
    };
    int found = 0;
    for (std::size_t bit = 0; bit < 8 * whole.bytes.size(); ++bit) {
      PackedValue flipped = whole;
      flipped.bytes[bit / 8] = static_cast<char>(flipped.bytes[bit / 8] ^ (1 << bit % 8));
      found += check(flipped) ? 1 : 0;
    }
    // A few bits mean nothing: some of a frame's, and those that make the checksum another frame to pass over.
    EXPECT_GT(found, static_cast<int>(8 * whole.bytes.size()) - 16);
    for (int bit = 0; bit < 15; ++bit) {
      PackedValue flipped = whole;
      flipped.kind = static_cast<std::int16_t>(flipped.kind ^ (1 << bit));
      EXPECT_TRUE(check(flipped)) << flipped.kind;
    }
  }
}

// As where one bit of a row of SQLite makes its kind a number without a byte: the value then begins with the kind.
TEST(PackedValueTest, PackedBytesThatBeganTooEarlyAreNoPlainValue) {
  const PackedValue packed = PackValue(kPlace, Session(100));
  const std::string shifted = "\4" + packed.bytes.substr(0, packed.bytes.size() - 1);
  EXPECT_EQ(UnpackValue(kPlace, 1, shifted).status().code(), absl::StatusCode::kDataLoss);
}

TEST(PackedValueTest, WhatIsCutOffIsNoValue) {
  const std::string whole = PackValue(kPlace, Session(2'000)).bytes;
  for (std::size_t at = 0; at < whole.size() - kTrailerBytes; ++at) {
    EXPECT_EQ(UnpackValue(kPlace, kPackedJson, whole.substr(0, at)).status().code(), absl::StatusCode::kDataLoss)
        << "cut after " << at;
  }
}

TEST(PackedValueTest, ALengthBeyondTheLimitIsNotBelieved) {
  EXPECT_EQ(UnpackValue(kPlace, kPackedJson, "\xff\xff\xff\xff frame").status().code(), absl::StatusCode::kDataLoss);
}

TEST(PackedValueTest, UnknownKindsAreNoValues) {
  for (const int kind : {-1, 0, 5, 256}) {
    EXPECT_EQ(UnpackValue(kPlace, kind, "bytes").status().code(), absl::StatusCode::kDataLoss) << kind;
  }
}

}  // namespace
}  // namespace authstate::storage
