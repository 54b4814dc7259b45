#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/tables.h"
#include "client/cli/terminal/text.h"
#include "migrations/tables/report.h"

namespace authstate::cli {
namespace {

std::string StateText(const tables::TableVerdict& table) {
  switch (table.state) {
    case tables::TableState::kEqual:
      return "equal";
    case tables::TableState::kDifferent:
      return "different";
    case tables::TableState::kUnknown:
      break;
  }
  return absl::StrCat("unknown: ", table.error);
}

std::string ToText(const tables::Verification& verification) {
  std::vector<std::vector<std::string>> rows = {
      {"table", "source", "target", "missing", "extra", "different", "state"}};
  for (const tables::TableVerdict& table : verification.tables) {
    rows.push_back({table.table, absl::StrCat(table.from_rows), absl::StrCat(table.to_rows),
                    absl::StrCat(table.missing), absl::StrCat(table.extra), absl::StrCat(table.different),
                    StateText(table)});
  }
  std::string text = absl::StrCat(FindingsText(verification.schema_differences), Table(rows));
  for (const tables::TableVerdict& table : verification.tables) {
    for (const tables::RowFinding& row : table.rows) {
      absl::StrAppend(&text, row.kind, ": ", table.table, " ", Printable(row.key),
                      row.columns.empty() ? "" : absl::StrCat(": ", absl::StrJoin(row.columns, ", ")), "\n");
    }
  }
  for (const tables::SequencePlace& place : verification.sequences) {
    absl::StrAppend(
        &text, "sequence ", place.name,
        place.missing ? " is missing" : absl::StrCat(" is behind: at ", place.to, ", should be at ", place.wanted()),
        "\n");
  }
  const char* const verdict = verification.differs() ? "not equal" : verification.equal() ? "equal" : "unknown";
  return absl::StrCat(text, verdict, ", verified at ", TimeText(verification.verified_at), "\n");
}

absl::Status Verdict(const tables::Verification& verification) {
  if (verification.equal()) return absl::OkStatus();
  const std::vector<std::string> unknown = verification.unknown();
  if (!verification.differs()) {
    return absl::DataLossError(absl::StrCat("could not be compared: ", absl::StrJoin(unknown, ", ")));
  }
  const auto different =
      std::count_if(verification.tables.begin(), verification.tables.end(),
                    [](const tables::TableVerdict& table) { return table.state == tables::TableState::kDifferent; });
  const auto blocking =
      std::count_if(verification.schema_differences.begin(), verification.schema_differences.end(),
                    [](const tables::Finding& finding) { return finding.severity == tables::Severity::kBlocks; });
  return absl::DataLossError(absl::StrCat("the databases differ: ", Count(different, "table"), " different, ",
                                          unknown.size(), " unknown, ", Count(blocking, "difference"),
                                          " of the schema that count, ",
                                          Count(verification.sequences.size(), "sequence"), " behind"));
}

}  // namespace

absl::Status RunTablesVerify(CommandContext& context, const TablesOptions& options) {
  SignalWatcher signals;
  signals.Start([] {});
  absl::StatusOr<tables::TableMove> move = OpenMove(options, /*reverse=*/false, signals);
  if (!move.ok()) return move.status();
  absl::StatusOr<tables::Plan> plan =
      tables::MakePlan(*move->from, move->from_catalogue, move->to_catalogue, options.request);
  if (!plan.ok()) return plan.status();
  // What is known and accepted is shown, and does not make the databases differ.
  for (tables::Finding& finding : plan->findings) {
    const auto& accepted = options.request.accepted;
    if (std::find(accepted.begin(), accepted.end(), finding.id) != accepted.end()) {
      finding.severity = tables::Severity::kWarns;
    }
  }
  tables::Verification verification;
  {
    TablesProgress progress(context.output().json(), 0);
    verification = tables::VerifyTables(*move->from, move->from_catalogue, *move->to, move->to_catalogue, *plan,
                                        options.request.tables.empty(), options.listed,
                                        [&progress](const tables::TableSync& table, std::int64_t compared,
                                                    std::int64_t about) { progress.Show(table, compared, about); });
  }
  if (absl::Status interrupted = signals.Check(); !interrupted.ok()) return interrupted;
  if (!options.report.empty()) {
    if (absl::Status kept = tables::WriteReport(options.report, verification); !kept.ok()) return kept;
  }
  if (!options.page.empty()) {
    if (absl::Status kept = tables::WritePage(options.page, verification); !kept.ok()) return kept;
  }
  const absl::Status written = context.output().json() ? context.output().WriteJson(tables::ToJson(verification))
                                                       : context.output().Write(ToText(verification));
  return written.ok() ? Verdict(verification) : written;
}

std::vector<std::string> WhyReportDoesNotCount(const tables::Verification& report, const tables::TableMove& move) {
  std::vector<std::string> reasons = tables::WhyStale(report, move.from_catalogue, move.to_catalogue, absl::Now());
  if (report.from.location != move.from->location() || report.to.location != move.to->location()) {
    reasons.push_back("it is of other databases than --from and --to");
  }
  if (!report.equal()) reasons.push_back("the databases differed");
  return reasons;
}

absl::Status RunTablesReport(CommandContext& context, const TablesOptions& options) {
  const absl::StatusOr<tables::Verification> report = tables::ReadReport(options.report);
  if (!report.ok()) return report.status();
  if (!options.page.empty()) {
    if (absl::Status kept = tables::WritePage(options.page, *report); !kept.ok()) return kept;
  }
  SignalWatcher signals;
  signals.Start([] {});
  TablesOptions of_report = options;
  of_report.request.schema = report->schema;
  absl::StatusOr<tables::TableMove> move = OpenMove(of_report, /*reverse=*/false, signals);
  if (!move.ok()) return move.status();
  const std::vector<std::string> reasons = WhyReportDoesNotCount(*report, *move);
  const absl::Status written =
      context.output().json()
          ? context.output().WriteJson(
                {{"counts", reasons.empty()}, {"verified_at", TimeText(report->verified_at)}, {"reasons", reasons}})
          : context.output().WriteLine(absl::StrCat(
                "verified at ", TimeText(report->verified_at),
                reasons.empty() ? ": it counts" : absl::StrCat(": does not count: ", absl::StrJoin(reasons, "; "))));
  if (!written.ok() || reasons.empty()) return written;
  return absl::DataLossError("the report does not count any more");
}

}  // namespace authstate::cli
