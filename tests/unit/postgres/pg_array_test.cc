#include "storage/postgres/sql/pg_array.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"

namespace authstate::storage {
namespace {

// Dimensions, NULLs, element type, count and lower bound of an array with elements.
std::string Head(const std::string& has_nulls, const std::string& oid, const std::string& count) {
  return "00000001" + has_nulls + oid + count + "00000001";
}

std::string Hex(PgArray array) { return absl::BytesToHexString(std::move(array).Encode()); }

TEST(PgArrayTest, EmptyArrayHasNoDimension) {
  EXPECT_EQ(Hex(PgArray::Text()), "000000000000000000000019");
  EXPECT_EQ(Hex(PgArray::Bytea()), "000000000000000000000011");
}

TEST(PgArrayTest, TextIsWrittenAsItIs) {
  PgArray array = PgArray::Text();
  array.AddBytes("NULL");
  array.AddBytes("");
  array.AddBytes("\xc3\xa9\"");
  EXPECT_EQ(Hex(array), Head("00000000", "00000019", "00000003") + "000000044e554c4c" + "00000000" + "00000003c3a922");
}

TEST(PgArrayTest, ByteaTakesEveryByte) {
  PgArray array = PgArray::Bytea();
  array.AddBytes(std::string("\0\xff\\x", 4));
  array.AddNull();
  EXPECT_EQ(Hex(array), Head("00000001", "00000011", "00000002") + "0000000400ff5c78" + "ffffffff");
}

TEST(PgArrayTest, IntegersAreBigEndian) {
  PgArray wide = PgArray::Int8();
  wide.AddInt8(1);
  wide.AddNull();
  wide.AddInt8(-2);
  wide.AddInt8(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Hex(wide), Head("00000001", "00000014", "00000004") + "000000080000000000000001" + "ffffffff" +
                           "00000008fffffffffffffffe" + "000000087fffffffffffffff");
  PgArray narrow = PgArray::Int2();
  narrow.AddInt2(258);
  EXPECT_EQ(Hex(narrow), Head("00000000", "00000015", "00000001") + "000000020102");
}

TEST(PgArrayTest, BooleansAreOneByte) {
  PgArray array = PgArray::Bool();
  array.AddBool(true);
  array.AddBool(false);
  EXPECT_EQ(Hex(array), Head("00000000", "00000010", "00000002") + "0000000101" + "0000000100");
}

TEST(PgArrayTest, SingleIntegerIsEightBytes) {
  EXPECT_EQ(absl::BytesToHexString(EncodePgInt8(-1)), "ffffffffffffffff");
}

}  // namespace
}  // namespace authstate::storage
