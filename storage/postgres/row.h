#ifndef AUTHSTATE_STORAGE_POSTGRES_ROW_H_
#define AUTHSTATE_STORAGE_POSTGRES_ROW_H_

#include <cstdint>
#include <pqxx/pqxx>
#include <string>

#include "absl/status/statusor.h"
#include "contract/value.h"
#include "storage/checksum.h"
#include "storage/lease.h"

// Fields of a result, which come as text in every libpqxx. Pure.
namespace authstate::storage {

// The integer of a field that a statement of ours declares as one.
std::int64_t ToInt(const pqxx::field& field);

// `t` is true.
bool ToBool(const pqxx::field& field);

std::string ToText(const pqxx::field& field);

// The bytes that a field has in hex, as encode(…, 'hex') writes it.
std::string ToBytes(const pqxx::field& field);

// The value stored at `place` from its kind and its bytes in hex, those of its base and of its patch divided by a
// stroke where it is patched. DataLoss as UnpackValue and ApplyPatch.
absl::StatusOr<Value> ToValue(const ValuePlace& place, const pqxx::field& kind, const pqxx::field& hex);

// The lease in four columns from `fence_column` on: fence, owner, expiry and time left, both in microseconds.
Lease ToLease(const pqxx::row& row, int fence_column);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_ROW_H_
