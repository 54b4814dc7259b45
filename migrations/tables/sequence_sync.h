#ifndef AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_SYNC_H_
#define AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_SYNC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"

namespace authstate::tables {

// Where a sequence stands in two databases. The last value that was given out; a sequence that gave out none stands one
// step before its first.
struct SequencePlace {
  std::string name;
  std::int64_t from = 0;
  std::int64_t to = 0;
  // The furthest value in the column that takes from it, of both databases; of a sequence without a column, as `from`.
  std::int64_t used = 0;
  bool ascending = true;
  bool missing = false;

  // Beyond everything that either side has given out or stores.
  std::int64_t wanted() const;
  // Whether the target could give out a value a second time.
  bool behind() const;
};

// Those of `tables`, and those of no table where `free_ones` is set.
absl::StatusOr<std::vector<SequencePlace>> ReadSequencePlaces(Database& from, const Catalogue& from_catalogue,
                                                              Database& to, const Catalogue& to_catalogue,
                                                              const std::vector<std::string>& tables, bool free_ones);

// Sets the sequences of the target that are behind.
absl::Status AdvanceSequences(Database& to, const std::string& schema, const std::vector<SequencePlace>& places);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_SYNC_H_
