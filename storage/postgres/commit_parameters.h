#ifndef AUTHSTATE_STORAGE_POSTGRES_COMMIT_PARAMETERS_H_
#define AUTHSTATE_STORAGE_POSTGRES_COMMIT_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "contract/value.h"
#include "storage/backend.h"
#include "storage/packed_value.h"
#include "storage/postgres/pg_array.h"

namespace authstate::storage {

// The parameters of statements::kCommit. The operations of each commit are reduced to one a key, as all parts of the
// statement see one snapshot and an upsert may not meet a row twice: the last set of a key stands, a delete loses
// against a set, and deletes beside a deletion of everything are left out. Not thread-safe.
class CommitParameters {
 public:
  // Whether values are stored in the form of storage/packed_value.h.
  explicit CommitParameters(bool pack_values) : pack_values_(pack_values) {}

  // The next member. Its session is none of the members before it.
  void Add(const Commit& commit);

  // `not_after`: microseconds since the Unix epoch by the clock of the database.
  std::vector<std::string> Encode(std::int64_t not_after, absl::Duration lock_timeout) &&;

 private:
  PackedValue Stored(const Value& value) const;
  void AddSets(const Commit& commit);
  void AddDeletes(const Commit& commit);

  const bool pack_values_;

  PgArray session_id_ = PgArray::Text();
  PgArray commit_id_ = PgArray::Int8();
  PgArray action_ = PgArray::Int2();
  PgArray expected_revision_ = PgArray::Int8();
  PgArray clear_keys_ = PgArray::Bool();
  PgArray creds_kind_ = PgArray::Int2();
  PgArray creds_value_ = PgArray::Bytea();

  PgArray set_session_id_ = PgArray::Text();
  PgArray set_type_ = PgArray::Text();
  PgArray set_id_ = PgArray::Text();
  PgArray set_kind_ = PgArray::Int2();
  PgArray set_value_ = PgArray::Bytea();

  PgArray delete_session_id_ = PgArray::Text();
  PgArray delete_type_ = PgArray::Text();
  PgArray delete_id_ = PgArray::Text();

  PgArray fence_ = PgArray::Int8();
  PgArray number_ = PgArray::Int8();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_COMMIT_PARAMETERS_H_
