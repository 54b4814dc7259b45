#include "migrations/tables/sequence_pairs.h"

#include <algorithm>
#include <set>
#include <utility>

namespace authstate::tables {

std::vector<SequencePair> PairSequences(const Catalogue& from, const Catalogue& to,
                                        const std::vector<std::string>& tables, bool free_ones) {
  const auto moves = [&](const Sequence& sequence) {
    return sequence.table.empty() ? free_ones : std::find(tables.begin(), tables.end(), sequence.table) != tables.end();
  };
  std::vector<SequencePair> pairs;
  std::set<const Sequence*> paired;
  for (const auto& [name, there] : to.sequences) {
    SequencePair pair;
    pair.there = &there;
    bool wanted = !there.table.empty() && moves(there);
    for (const auto& [other, here] : from.sequences) {
      const bool same_column = !here.table.empty() && here.table == there.table && here.column == there.column;
      if (!same_column && other != name) continue;
      wanted = wanted || moves(here);
      pair.here.push_back(&here);
      paired.insert(&here);
    }
    if (wanted) pairs.push_back(std::move(pair));
  }
  for (const auto& [name, here] : from.sequences) {
    if (moves(here) && paired.count(&here) == 0) pairs.push_back({{&here}, nullptr});
  }
  return pairs;
}

}  // namespace authstate::tables
