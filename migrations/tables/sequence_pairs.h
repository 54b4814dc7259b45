#ifndef AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_PAIRS_H_
#define AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_PAIRS_H_

#include <string>
#include <vector>

#include "migrations/tables/catalogue.h"

namespace authstate::tables {

// A sequence of the target with those of the source that give out values for the same column, or have its name. Each
// refers into its catalogue.
struct SequencePair {
  // Empty: only the target takes from a sequence there.
  std::vector<const Sequence*> here;
  // Null: the target has none for what `here` is for.
  const Sequence* there = nullptr;

  // What is known of both, the target's where it has one.
  const Sequence& shown() const { return there != nullptr ? *there : *here.front(); }
};

// Those of `tables`, and those of no table where `free_ones` is set. Names do not tell: an identity column and a serial
// one, or one that was made while the old name was taken, have sequences of other names. Pure.
std::vector<SequencePair> PairSequences(const Catalogue& from, const Catalogue& to,
                                        const std::vector<std::string>& tables, bool free_ones);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_SEQUENCE_PAIRS_H_
