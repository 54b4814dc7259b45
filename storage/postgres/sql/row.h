#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_

#include <cstdint>
#include <pqxx/pqxx>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/lease.h"

// Fields of a result, which come as text in every libpqxx. Pure.
namespace authstate::storage {

// The integer of a field that a statement of ours declares as one.
std::int64_t ToInt(const pqxx::field& field);

// The same, of one that is never negative.
inline std::uint64_t ToUint(const pqxx::field& field) { return static_cast<std::uint64_t>(ToInt(field)); }

// `t` is true.
bool ToBool(const pqxx::field& field);

std::string ToText(const pqxx::field& field);

// Ends with the result.
absl::string_view ToView(const pqxx::field& field);

// The bytes of lower case hex, as encode(…, 'hex') writes it.
std::string FromHex(absl::string_view hex);
std::string ToBytes(const pqxx::field& field);

// The lease in four columns from `fence_column` on: fence, owner, expiry and time left, both in microseconds.
Lease ToLease(const pqxx::row& row, int fence_column);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_
