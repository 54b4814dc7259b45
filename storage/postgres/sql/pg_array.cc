#include "storage/postgres/sql/pg_array.h"

#include <cstddef>
#include <utility>

namespace authstate::storage {
namespace {

// From src/include/catalog/pg_type.dat, fixed for ever.
constexpr std::uint32_t kBoolOid = 16;
constexpr std::uint32_t kByteaOid = 17;
constexpr std::uint32_t kInt8Oid = 20;
constexpr std::uint32_t kInt2Oid = 21;
constexpr std::uint32_t kTextOid = 25;

constexpr std::size_t kInt32Bytes = 4;
constexpr std::size_t kHeadBytes = 5 * kInt32Bytes;
constexpr std::uint32_t kNullLength = 0xffffffff;

// The low `width` bytes of `value`, the highest first.
void AppendBigEndian(std::string& out, std::uint64_t value, int width) {
  constexpr int kBitsPerByte = 8;
  for (int byte = width - 1; byte >= 0; --byte) out.push_back(static_cast<char>(value >> (byte * kBitsPerByte)));
}

}  // namespace

std::string EncodePgInt8(std::int64_t value) {
  std::string encoded;
  AppendBigEndian(encoded, static_cast<std::uint64_t>(value), sizeof value);
  return encoded;
}

std::string EncodePgAge(std::optional<absl::Duration> age) {
  return EncodePgInt8(age.has_value() ? absl::ToInt64Microseconds(*age) : -1);
}

PgArray PgArray::Text() { return PgArray(kTextOid); }
PgArray PgArray::Bytea() { return PgArray(kByteaOid); }
PgArray PgArray::Int8() { return PgArray(kInt8Oid); }
PgArray PgArray::Int2() { return PgArray(kInt2Oid); }
PgArray PgArray::Bool() { return PgArray(kBoolOid); }

PgArray::PgArray(std::uint32_t element_oid) : encoded_(kHeadBytes, '\0'), element_oid_(element_oid) {}

void PgArray::AddBytes(absl::string_view bytes) {
  AppendBigEndian(encoded_, bytes.size(), kInt32Bytes);
  encoded_.append(bytes.data(), bytes.size());
  ++count_;
}

void PgArray::AddInt8(std::int64_t value) {
  AppendBigEndian(encoded_, sizeof value, kInt32Bytes);
  AppendBigEndian(encoded_, static_cast<std::uint64_t>(value), sizeof value);
  ++count_;
}

void PgArray::AddInt2(std::int16_t value) {
  AppendBigEndian(encoded_, sizeof value, kInt32Bytes);
  AppendBigEndian(encoded_, static_cast<std::uint64_t>(value), sizeof value);
  ++count_;
}

void PgArray::AddBool(bool value) {
  AppendBigEndian(encoded_, 1, kInt32Bytes);
  encoded_.push_back(value ? '\1' : '\0');
  ++count_;
}

void PgArray::AddNull() {
  AppendBigEndian(encoded_, kNullLength, kInt32Bytes);
  has_nulls_ = true;
  ++count_;
}

std::string PgArray::Encode() && {
  const bool empty = count_ == 0;
  std::string head;
  AppendBigEndian(head, empty ? 0 : 1, kInt32Bytes);
  AppendBigEndian(head, has_nulls_ ? 1 : 0, kInt32Bytes);
  AppendBigEndian(head, element_oid_, kInt32Bytes);
  if (empty) return head;
  AppendBigEndian(head, count_, kInt32Bytes);
  AppendBigEndian(head, 1, kInt32Bytes);
  encoded_.replace(0, kHeadBytes, head);
  return std::move(encoded_);
}

}  // namespace authstate::storage
