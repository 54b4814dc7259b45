#include "migrations/tables/sequence_sync.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "migrations/tables/sequence_pairs.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

absl::StatusOr<std::int64_t> Place(Database& database, const std::string& schema, const Sequence& sequence) {
  const absl::StatusOr<Rows> rows =
      database.Read(absl::StrCat("SELECT CASE WHEN is_called THEN last_value ELSE last_value - (", sequence.increment,
                                 ") END FROM ", QuoteName(schema), ".", QuoteName(sequence.name)));
  if (!rows.ok()) return rows.status();
  return rows->Int(0, 0);
}

// The furthest value of the column; `least` where there is none.
absl::StatusOr<std::int64_t> Used(Database& database, const std::string& schema, const Sequence& sequence,
                                  std::int64_t least) {
  const char* const furthest = sequence.increment > 0 ? "max" : "min";
  const absl::StatusOr<Rows> rows =
      database.Read(absl::StrCat("SELECT ", furthest, "(", QuoteName(sequence.column), ")::int8 FROM ",
                                 QuoteName(schema), ".", QuoteName(sequence.table)));
  if (!rows.ok()) return rows.status();
  return rows->IsNull(0, 0) ? least : rows->Int(0, 0);
}

// A default may put the next number into a text.
bool HasNumbers(const Catalogue& catalogue, const Sequence& sequence) {
  const Table* const table = catalogue.FindTable(sequence.table);
  const Column* const column = table == nullptr ? nullptr : table->FindColumn(sequence.column);
  return column != nullptr && column->type != "text" && !absl::StartsWith(column->type, "character");
}

}  // namespace

std::int64_t SequencePlace::wanted() const {
  return ascending ? std::max({from, to, used}) : std::min({from, to, used});
}

bool SequencePlace::behind() const { return missing || wanted() != to; }

absl::StatusOr<std::vector<SequencePlace>> ReadSequencePlaces(Database& from, const Catalogue& from_catalogue,
                                                              Database& to, const Catalogue& to_catalogue,
                                                              const std::vector<std::string>& tables, bool free_ones) {
  std::vector<SequencePlace> places;
  for (const SequencePair& pair : PairSequences(from_catalogue, to_catalogue, tables, free_ones)) {
    SequencePlace place;
    place.name = pair.shown().name;
    place.ascending = pair.shown().increment > 0;
    place.missing = pair.there == nullptr;
    const auto further = [&place](std::int64_t one, std::int64_t other) {
      return place.ascending ? std::max(one, other) : std::min(one, other);
    };
    if (!place.missing) {
      const absl::StatusOr<std::int64_t> stands = Place(to, to_catalogue.schema, *pair.there);
      if (!stands.ok()) return stands.status();
      place.from = place.to = *stands;
    }
    for (const Sequence* const sequence : pair.here) {
      const absl::StatusOr<std::int64_t> stands = Place(from, from_catalogue.schema, *sequence);
      if (!stands.ok()) return stands.status();
      place.from = sequence == pair.here.front() ? *stands : further(place.from, *stands);
    }
    place.used = place.from;
    for (Database* const database : {&from, &to}) {
      const Catalogue& catalogue = database == &from ? from_catalogue : to_catalogue;
      if (!HasNumbers(catalogue, pair.shown())) continue;
      const absl::StatusOr<std::int64_t> used = Used(*database, catalogue.schema, pair.shown(), place.used);
      if (!used.ok()) return used.status();
      place.used = further(place.used, *used);
    }
    places.push_back(std::move(place));
  }
  return places;
}

absl::Status AdvanceSequences(Database& to, const std::string& schema, const std::vector<SequencePlace>& places) {
  for (const SequencePlace& place : places) {
    if (!place.behind() || place.missing) continue;
    const auto error = to.Write(absl::StrCat("SELECT setval(",
                                             QuoteLiteral(absl::StrCat(QuoteName(schema), ".", QuoteName(place.name))),
                                             "::regclass, ", place.wanted(), ", true)"));
    if (error.has_value())
      return ToStatus(*error, absl::StrCat("cannot set the sequence ", place.name, " of"), to.title());
  }
  return absl::OkStatus();
}

}  // namespace authstate::tables
