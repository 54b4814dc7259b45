#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_PG_ARRAY_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_PG_ARRAY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// One-dimensional PostgreSQL arrays in the binary format that a parameter takes (array_recv in PostgreSQL's
// src/backend/utils/adt/arrayfuncs.c). All integers are big-endian:
//
//   int32 dimensions    1; 0 when the array is empty, and then nothing follows the element type
//   int32 has_nulls     1 when an element is NULL
//   int32 element type  its OID
//   int32 count
//   int32 lower bound   1
//   and for each element
//     int32 length      -1 for NULL
//     bytes             text and bytea as they are, int8 and int2 big-endian, bool one byte
//
// So values of any content go over without quoting, and bytea without the cost of hex.
namespace authstate::storage {

// An int8 by itself, as a binary parameter.
std::string EncodePgInt8(std::int64_t value);

// How long ago something is to be, in microseconds; -1 for nullopt: whenever.
std::string EncodePgAge(std::optional<absl::Duration> age);

// Builds the parameter element by element. Not thread-safe.
class PgArray {
 public:
  // No element is added to it but its own kind.
  static PgArray Text();
  static PgArray Bytea();
  static PgArray Int8();
  static PgArray Int2();
  static PgArray Bool();

  void AddBytes(absl::string_view bytes);
  void AddInt8(std::int64_t value);
  void AddInt2(std::int16_t value);
  void AddBool(bool value);
  void AddNull();

  // The parameter. The array is empty afterwards.
  std::string Encode() &&;

 private:
  explicit PgArray(std::uint32_t element_oid);

  // Room for the head, which is known last, then the elements: so that no byte of them is moved again.
  std::string encoded_;
  const std::uint32_t element_oid_;
  std::uint32_t count_ = 0;
  bool has_nulls_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_PG_ARRAY_H_
