#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_PARAMETERS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_PARAMETERS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "contract/value.h"
#include "storage/backend.h"
#include "storage/packed_value.h"
#include "storage/postgres/session/patch_bases.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/sealing/session_keys.h"

namespace authstate::storage {

// How much a statement has to be able to do for the commits that it takes.
enum class CommitForm : std::uint8_t {
  // Set keys, to whole values.
  kSets,
  // Write: also creds, deletes and patches.
  kWrites,
  // Whatever there is.
  kAny,
};

// The parameters of statements::kCommit, and of those that do less. The operations of each commit are reduced to one a
// key, as all parts of the statement see one snapshot and an upsert may not meet a row twice: the last set of a key
// stands, a delete loses against a set, and deletes beside a deletion of everything are left out. Not thread-safe.
class CommitParameters {
 public:
  // A value that may be the base of patches once the commit of its key has passed.
  struct NewBase {
    // Which member it is of: they count from 0, in the order of Add.
    std::size_t member;
    // The name stands in the commit.
    const KeyName* name;
    std::string base;
  };

  // Whether values are stored in the form of storage/packed_value.h, and the bases to patch of those that are; null:
  // nothing is patched.
  explicit CommitParameters(bool pack_values, PatchBases* bases = nullptr) : pack_values_(pack_values), bases_(bases) {}

  // The next member. Its session is none of the members before it. `whole`: none of its values is patched. The commit
  // stays where it is for as long as its names in NewBases are looked at.
  void Add(const Commit& commit, bool whole = false, const SessionSealing& sealing = {});

  // The bases that all that was added brings along.
  std::vector<NewBase> TakeNewBases() { return std::move(new_bases_); }

  // The least that does all that was added.
  CommitForm form() const { return form_; }

  // Those of the statement for `form`. `not_after`: microseconds since the Unix epoch by the clock of the database.
  std::vector<std::string> Encode(CommitForm form, std::int64_t not_after, absl::Duration lock_timeout) &&;

 private:
  void Need(CommitForm form) { form_ = std::max(form_, form); }
  PackedValue Stored(const ValuePlace& place, const Value& value, const DataKey* key) const;
  void AddCarried(const Commit& commit);
  void AddSealing(const SessionSealing& sealing);
  void AddSets(const Commit& commit, bool whole, const DataKey* key);
  // False when it is to be written whole.
  bool AddPatch(const Commit& commit, const KeyWrite& write, const DataKey* key);
  void AddWhole(const Commit& commit, const KeyWrite& write, const DataKey* key);
  void AddDeletes(const Commit& commit);

  const bool pack_values_;
  PatchBases* const bases_;
  std::size_t members_ = 0;
  CommitForm form_ = CommitForm::kSets;
  std::vector<NewBase> new_bases_;

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
  // What the base of a patch is known by; NULL where the value is whole.
  PgArray set_base_ = PgArray::Bytea();

  PgArray delete_session_id_ = PgArray::Text();
  PgArray delete_type_ = PgArray::Text();
  PgArray delete_id_ = PgArray::Text();

  PgArray fence_ = PgArray::Int8();
  PgArray number_ = PgArray::Int8();
  PgArray key_mark_ = PgArray::Bytea();
  PgArray new_key_ = PgArray::Bytea();

  // What is carried over; the arrays of each as PostgreSQL writes them, NULL where there is nothing.
  PgArray revision_ = PgArray::Int8();
  PgArray recent_ids_ = PgArray::Text();
  PgArray recent_revisions_ = PgArray::Text();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_PARAMETERS_H_
