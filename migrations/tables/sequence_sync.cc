#include "migrations/tables/sequence_sync.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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

}  // namespace

std::int64_t SequencePlace::wanted() const {
  return ascending ? std::max({from, to, used}) : std::min({from, to, used});
}

bool SequencePlace::behind() const { return missing || wanted() != to; }

absl::StatusOr<std::vector<SequencePlace>> ReadSequencePlaces(Database& from, const Catalogue& from_catalogue,
                                                              Database& to, const Catalogue& to_catalogue,
                                                              const std::vector<std::string>& tables, bool free_ones) {
  std::vector<SequencePlace> places;
  for (const auto& [name, sequence] : from_catalogue.sequences) {
    const bool of_tables = std::find(tables.begin(), tables.end(), sequence.table) != tables.end();
    if (!(sequence.table.empty() ? free_ones : of_tables)) continue;
    SequencePlace place;
    place.name = name;
    place.ascending = sequence.increment > 0;
    const absl::StatusOr<std::int64_t> here = Place(from, from_catalogue.schema, sequence);
    if (!here.ok()) return here.status();
    place.from = place.used = *here;
    const auto there = to_catalogue.sequences.find(name);
    place.missing = there == to_catalogue.sequences.end();
    if (!place.missing) {
      const absl::StatusOr<std::int64_t> stands = Place(to, to_catalogue.schema, there->second);
      if (!stands.ok()) return stands.status();
      place.to = *stands;
    }
    for (Database* const database : {&from, &to}) {
      const Catalogue& catalogue = database == &from ? from_catalogue : to_catalogue;
      const Table* const table = catalogue.FindTable(sequence.table);
      if (table == nullptr || table->FindColumn(sequence.column) == nullptr) continue;
      const absl::StatusOr<std::int64_t> used = Used(*database, catalogue.schema, sequence, place.used);
      if (!used.ok()) return used.status();
      place.used = place.ascending ? std::max(place.used, *used) : std::min(place.used, *used);
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
