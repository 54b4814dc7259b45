#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "migrations/tables/report.h"

namespace authstate::tables {
namespace {

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tables compared</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{margin-bottom:0}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.equal{color:#116329}.different,.blocks{color:#a40e26}.unknown,.warns{color:#7d4e00}
code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}
.equal{color:#3fb950}.different,.blocks{color:#ff7b72}.unknown,.warns{color:#d29922}}
</style></head><body>
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Cell(absl::string_view text) { return absl::StrCat("<td>", Escaped(text), "</td>"); }
std::string Cell(std::int64_t number) { return absl::StrCat("<td class=\"n\">", number, "</td>"); }

absl::string_view ClassOf(TableState state) {
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

std::string Side(absl::string_view role, const VerifiedSide& side) {
  return absl::StrCat("<tr><th>", role, "</th>", Cell(side.profile), Cell(side.location),
                      Cell(absl::StrCat("PostgreSQL ", side.version / 10000, ".", side.version % 10000)), "</tr>\n");
}

std::string Tables(const Verification& verification) {
  std::string html =
      "<h2>Tables</h2>\n<table><tr><th>table</th><th>state</th><th class=\"n\">rows of the source</th><th "
      "class=\"n\">of the target</th><th class=\"n\">missing</th><th class=\"n\">extra</th><th "
      "class=\"n\">different</th></tr>\n";
  for (const TableVerdict& table : verification.tables) {
    absl::StrAppend(&html, "<tr>", Cell(table.table), "<td class=\"", ClassOf(table.state), "\">", ClassOf(table.state),
                    table.error.empty() ? "" : ": ", Escaped(table.error), "</td>", Cell(table.from_rows),
                    Cell(table.to_rows), Cell(table.missing), Cell(table.extra), Cell(table.different), "</tr>\n");
  }
  return absl::StrCat(html, "</table>\n");
}

std::string RowsThatDiffer(const Verification& verification) {
  std::string rows;
  for (const TableVerdict& table : verification.tables) {
    for (const RowFinding& row : table.rows) {
      absl::StrAppend(&rows, "<tr>", Cell(table.table), Cell(row.kind), "<td><code>", Escaped(row.key), "</code></td>",
                      Cell(absl::StrJoin(row.columns, ", ")), "</tr>\n");
    }
  }
  if (rows.empty()) return "";
  return absl::StrCat(
      "<h2>Rows</h2>\n<p>The first of each table. Values are not shown.</p>\n<table><tr><th>table</th><th>is</th>"
      "<th>key</th><th>columns</th></tr>\n",
      rows, "</table>\n");
}

std::string Schema(const Verification& verification) {
  std::string html = "<h2>Schema</h2>\n";
  if (verification.schema_differences.empty()) return absl::StrCat(html, "<p class=\"equal\">equal</p>\n");
  absl::StrAppend(&html, "<table><tr><th></th><th>table</th><th>difference</th><th>what to do</th></tr>\n");
  for (const Finding& finding : verification.schema_differences) {
    const absl::string_view severity = finding.severity == Severity::kBlocks ? "blocks" : "warns";
    absl::StrAppend(&html, "<tr><td class=\"", severity, "\">", severity, "</td>", Cell(finding.table),
                    Cell(finding.what), "<td><code>", Escaped(finding.remedy), "</code></td></tr>\n");
  }
  return absl::StrCat(html, "</table>\n");
}

std::string Sequences(const Verification& verification) {
  std::string html = "<h2>Sequences</h2>\n";
  if (verification.sequences.empty()) return absl::StrCat(html, "<p class=\"equal\">none is behind</p>\n");
  absl::StrAppend(&html,
                  "<table><tr><th>behind</th><th class=\"n\">source</th><th class=\"n\">target</th><th "
                  "class=\"n\">in use</th></tr>\n");
  for (const SequencePlace& place : verification.sequences) {
    absl::StrAppend(&html, "<tr>", Cell(place.name), Cell(place.from),
                    place.missing ? Cell("there is none") : Cell(place.to), Cell(place.used), "</tr>\n");
  }
  return absl::StrCat(html, "</table>\n");
}

}  // namespace

std::string ToPage(const Verification& verification) {
  const std::vector<std::string> unknown = verification.unknown();
  const char* const verdict = verification.differs() ? "different\">Not equal"
                              : !unknown.empty()     ? "unknown\">Unknown"
                                                     : "equal\">Equal";
  return absl::StrCat(
      kHead, "<h1 class=\"", verdict, "</h1>\n<p>Schema <code>", Escaped(verification.schema), "</code>, ",
      unknown.empty() ? "every row compared"
                      : absl::StrCat("could not be compared: ", Escaped(absl::StrJoin(unknown, ", "))),
      ", ", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", verification.verified_at, absl::UTCTimeZone()), ", in ",
      absl::FormatDuration(absl::Trunc(verification.took, absl::Milliseconds(1))), ". Counts for ",
      absl::FormatDuration(kVerificationLasts), ", or until a schema changes.</p>\n<table>",
      Side("source", verification.from), Side("target", verification.to), "</table>\n", Tables(verification),
      RowsThatDiffer(verification), Schema(verification), Sequences(verification), "</body></html>\n");
}

}  // namespace authstate::tables
