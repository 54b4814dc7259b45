#include "migrations/tables/report.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/tables/whole_file.h"
#include "storage/absolute_path.h"

namespace authstate::tables {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 2;

std::string NameOf(TableState state) {
  switch (state) {
    case TableState::kEqual:
      return "equal";
    case TableState::kDifferent:
      return "different";
    case TableState::kUnknown:
      break;
  }
  return "unknown";
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

absl::Time ToTime(const std::string& text) {
  absl::Time time = absl::InfinitePast();
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return absl::InfinitePast();
  return time;
}

Json ToJson(const VerifiedSide& side) {
  return {{"profile", side.profile},
          {"location", side.location},
          {"version", side.version},
          {"fingerprint", side.fingerprint},
          {"oldest_transaction", side.oldest_transaction}};
}

VerifiedSide ToSide(const Json& json) {
  return {json.at("profile"), json.at("location"), json.at("version"), json.at("fingerprint"),
          json.at("oldest_transaction")};
}

Json ToJson(const TableVerdict& table) {
  Json rows = Json::array();
  for (const RowFinding& row : table.rows) {
    rows.push_back({{"kind", row.kind}, {"key", row.key}, {"columns", row.columns}});
  }
  return {{"table", table.table},         {"state", NameOf(table.state)}, {"from_rows", table.from_rows},
          {"to_rows", table.to_rows},     {"missing", table.missing},     {"extra", table.extra},
          {"different", table.different}, {"rows", std::move(rows)},      {"error", table.error}};
}

TableVerdict ToVerdict(const Json& json) {
  TableVerdict table;
  table.table = json.at("table");
  const std::string state = json.at("state");
  table.state = state == "equal"       ? TableState::kEqual
                : state == "different" ? TableState::kDifferent
                                       : TableState::kUnknown;
  table.from_rows = json.at("from_rows");
  table.to_rows = json.at("to_rows");
  table.missing = json.at("missing");
  table.extra = json.at("extra");
  table.different = json.at("different");
  for (const Json& row : json.at("rows")) table.rows.push_back({row.at("kind"), row.at("key"), row.at("columns")});
  table.error = json.at("error");
  return table;
}

Verification FromJson(const Json& json) {
  Verification verification;
  verification.verified_at = ToTime(json.at("verified_at"));
  verification.took = absl::Milliseconds(json.at("took_ms").get<std::int64_t>());
  verification.schema = json.at("schema");
  verification.from = ToSide(json.at("from"));
  verification.to = ToSide(json.at("to"));
  verification.all_tables = json.at("all_tables");
  for (const Json& finding : json.at("schema_differences")) {
    Finding& one = verification.schema_differences.emplace_back();
    one.severity = finding.at("severity") == "blocks" ? Severity::kBlocks : Severity::kWarns;
    one.id = finding.at("id");
    one.table = finding.at("table");
    one.what = finding.at("what");
    one.remedy = finding.at("remedy");
  }
  for (const Json& table : json.at("tables")) verification.tables.push_back(ToVerdict(table));
  for (const Json& sequence : json.at("sequences")) {
    SequencePlace& place = verification.sequences.emplace_back();
    place.name = sequence.at("sequence");
    place.from = sequence.at("from");
    place.to = sequence.at("to");
    place.used = sequence.at("used");
    place.missing = sequence.at("missing");
  }
  if (!json.at("reversed_at").is_null()) verification.reversed_at = ToTime(json.at("reversed_at"));
  return verification;
}

}  // namespace

Json ToJson(const Finding& finding) {
  return {{"severity", finding.severity == Severity::kBlocks ? "blocks" : "warns"},
          {"id", finding.id},
          {"table", finding.table},
          {"what", finding.what},
          {"remedy", finding.remedy},
          {"created", finding.created}};
}

Json ToJson(const SequencePlace& place) {
  return {{"sequence", place.name}, {"from", place.from},       {"to", place.to},
          {"used", place.used},     {"wanted", place.wanted()}, {"missing", place.missing}};
}

Json ToJson(const Verification& verification) {
  Json tables = Json::array();
  for (const TableVerdict& table : verification.tables) tables.push_back(ToJson(table));
  Json differences = Json::array();
  for (const Finding& finding : verification.schema_differences) differences.push_back(ToJson(finding));
  Json sequences = Json::array();
  for (const SequencePlace& place : verification.sequences) sequences.push_back(ToJson(place));
  const bool reversed = verification.reversed_at != absl::InfinitePast();
  return {{"format", kFormat},
          {"equal", verification.equal()},
          {"verified_at", TimeText(verification.verified_at)},
          {"took_ms", absl::ToInt64Milliseconds(verification.took)},
          {"schema", verification.schema},
          {"from", ToJson(verification.from)},
          {"to", ToJson(verification.to)},
          {"all_tables", verification.all_tables},
          {"schema_differences", std::move(differences)},
          {"tables", std::move(tables)},
          {"sequences", std::move(sequences)},
          {"reversed_at", reversed ? Json(TimeText(verification.reversed_at)) : Json()}};
}

absl::StatusOr<Verification> ReadReport(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWhole(path);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("there is no report ", storage::AbsolutePath(path)));
  }
  if (!text.ok()) return text.status();
  try {
    const Json json = Json::parse(*text);
    if (json.at("format") == kFormat) return FromJson(json);
  } catch (const Json::exception&) {
    // Told below.
  }
  return absl::InvalidArgumentError(
      absl::StrCat(storage::AbsolutePath(path), " is no report of `tables verify` that this version reads"));
}

absl::Status WriteReport(const std::string& path, const Verification& verification) {
  return WriteWhole(path, absl::StrCat(ToJson(verification).dump(2, ' ', false, Json::error_handler_t::replace), "\n"));
}

absl::Status WritePage(const std::string& path, const Verification& verification) {
  return WriteWhole(path, ToPage(verification));
}

}  // namespace authstate::tables
