#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/tables.h"
#include "client/cli/terminal/text.h"
#include "migrations/tables/creation.h"
#include "migrations/tables/report.h"
#include "migrations/tables/verification.h"
#include "migrations/tables/way_back.h"

namespace authstate::cli {
namespace {

constexpr std::size_t kMostConflicts = 100;

std::int64_t RowsOf(const tables::Catalogue& catalogue, const std::vector<std::string>& names) {
  std::int64_t rows = 0;
  for (const std::string& name : names) rows += catalogue.FindTable(name)->rows;
  return rows;
}

// The way back loses nothing, or is not gone. The answer is the report that it goes by.
absl::StatusOr<tables::Verification> PrepareReverse(CommandContext& context, const TablesOptions& options,
                                                    const tables::TableMove& move) {
  if (options.report.empty()) {
    return absl::InvalidArgumentError("--reverse needs --report, the file that `tables verify --report` has written");
  }
  absl::StatusOr<tables::Verification> report = tables::ReadReport(options.report);
  if (!report.ok()) return report.status();
  if (report->from.location != move.to->location() || report->to.location != move.from->location()) {
    return absl::InvalidArgumentError(absl::StrCat("the report is of ", report->from.location, " and ",
                                                   report->to.location, ", not of --from and --to"));
  }
  if (!report->equal()) {
    return absl::FailedPreconditionError(
        "the report is of databases that differed: what was written since cannot be told");
  }
  if (report->reversed_at != absl::InfinitePast()) {
    context.output().Warn(absl::StrCat("the way back was begun at ", TimeText(report->reversed_at),
                                       ": what others do to ", move.to->title(), " is not told from it"));
    return report;
  }
  const auto conflicts = tables::WhatTheWayBackUndoes(*report, move, options.request.accepted, kMostConflicts);
  if (!conflicts.ok()) return conflicts.status();
  if (conflicts->empty()) return report;
  const absl::Status written = context.output().json() ? context.output().WriteJson({{"conflicts", *conflicts}})
                                                       : context.output().WriteLines(*conflicts);
  if (!written.ok()) return written;
  return absl::FailedPreconditionError(
      absl::StrCat("what was written to or deleted from ", move.to->title(),
                   " since the report would be lost: ", conflicts->size() == kMostConflicts ? "the first " : "",
                   conflicts->size(), " above. Make these rows equal on both sides first"));
}

Json ToJson(const tables::SyncResult& result, bool dry_run) {
  Json list = Json::array();
  for (const tables::TableSync& table : result.tables) {
    list.push_back({{"table", table.table},
                    {"from_rows", table.from_rows},
                    {"to_rows", table.to_rows},
                    {"missing", table.missing},
                    {"extra", table.extra},
                    {"different", table.different},
                    {"copied", table.copied},
                    {"deleted", table.deleted}});
  }
  Json sequences = Json::array();
  for (const tables::SequencePlace& place : result.sequences) sequences.push_back(tables::ToJson(place));
  Json refused = Json::array();
  for (const tables::RefusedRow& row : result.refused) {
    refused.push_back({{"table", row.table},
                       {"key", row.key},
                       {"column", row.column},
                       {"constraint", row.constraint},
                       {"sqlstate", row.sqlstate}});
  }
  return {{"dry_run", dry_run},
          {"equal", result.equal},
          {"rounds", result.rounds},
          {"tables", std::move(list)},
          {"sequences", std::move(sequences)},
          {"refused", std::move(refused)}};
}

std::string ToText(const tables::SyncResult& result, bool dry_run) {
  std::vector<std::vector<std::string>> rows = {
      {"table", "source", "target", "missing", "extra", "different", "copied", "deleted"}};
  for (const tables::TableSync& table : result.tables) {
    rows.push_back({table.table, absl::StrCat(table.from_rows), absl::StrCat(table.to_rows),
                    absl::StrCat(table.missing), absl::StrCat(table.extra), absl::StrCat(table.different),
                    absl::StrCat(table.copied), absl::StrCat(table.deleted)});
  }
  std::string text = Table(rows);
  for (const tables::SequencePlace& place : result.sequences) {
    if (!place.behind()) continue;
    absl::StrAppend(&text, "sequence ", place.name, dry_run ? " would be set to " : " was set to ", place.wanted(),
                    "\n");
  }
  for (const tables::RefusedRow& row : result.refused) {
    absl::StrAppend(&text, "refused: ", row.table, " ", Printable(row.key),
                    row.column.empty() ? "" : absl::StrCat(", column ", row.column),
                    row.constraint.empty() ? "" : absl::StrCat(", constraint ", row.constraint), " (SQLSTATE ",
                    row.sqlstate, ")\n");
  }
  absl::StrAppend(&text,
                  result.equal ? "equal"
                  : dry_run    ? "not equal"
                               : "not found equal yet: run it again",
                  " after ", Count(static_cast<std::uint64_t>(result.rounds), "round"), "\n");
  return text;
}

// The tables that both sides have.
std::vector<std::string> InBoth(const tables::TableMove& move, const std::vector<std::string>& names) {
  std::vector<std::string> both;
  std::copy_if(names.begin(), names.end(), std::back_inserter(both),
               [&move](const std::string& name) { return move.to_catalogue.FindTable(name) != nullptr; });
  return both;
}

}  // namespace

absl::Status RunTablesSync(CommandContext& context, const TablesOptions& options) {
  SignalWatcher signals;
  signals.Start([] {});
  absl::StatusOr<tables::TableMove> move = OpenMove(options, options.reverse, signals);
  if (!move.ok()) return move.status();
  tables::PlanRequest request = options.request;
  request.way_back = options.reverse;
  tables::SyncOptions sync = options.sync;
  if (options.reverse) {
    absl::StatusOr<tables::Verification> report = PrepareReverse(context, options, *move);
    if (!report.ok()) return report.status();
    if (request.tables.empty()) request.tables = report->table_names();
    // From then on the former database has rows of the way back, which look like what others have written.
    sync.before_writing = [report = *std::move(report), &path = options.report]() mutable {
      if (report.reversed_at != absl::InfinitePast()) return absl::OkStatus();
      report.reversed_at = absl::Now();
      return tables::WriteReport(path, report);
    };
  }
  const absl::StatusOr<tables::Plan> plan =
      tables::MakePlan(*move->from, move->from_catalogue, move->to_catalogue, request);
  if (!plan.ok()) return plan.status();
  if (absl::Status refused = RefuseBlocked(context, *plan, request); !refused.ok()) return refused;

  const bool creates = request.create && !sync.dry_run;
  const auto create = [&](std::vector<std::string> tables::Creation::*part) {
    const tables::Creation creation = tables::PlanCreation(move->from_catalogue, move->to_catalogue, plan->tables);
    absl::Status made = tables::Create(*move->to, creation.*part);
    return made.ok() ? move->ReadCatalogues(request.schema) : made;
  };
  if (creates) {
    if (absl::Status made = create(&tables::Creation::before_rows); !made.ok()) return made;
  }
  const std::vector<std::string> names = InBoth(*move, plan->tables);
  absl::StatusOr<tables::SyncResult> result = absl::InternalError("");
  {
    TablesProgress progress(context.output().json(), RowsOf(move->from_catalogue, names));
    result = tables::SyncTables(*move->from, move->from_catalogue, *move->to, move->to_catalogue, names,
                                options.request.tables.empty(), sync,
                                [&progress](const tables::TableSync& table, std::int64_t compared, std::int64_t about) {
                                  progress.Show(table, compared, about);
                                });
  }
  if (!result.ok()) return result.status();
  // A dry run makes none of the tables that --create would.
  result->equal = result->equal && names.size() == plan->tables.size();
  if (!sync.dry_run) {
    // Also where there was nothing to write: the application goes on there.
    if (absl::Status noted = sync.before_writing(); !noted.ok()) return noted;
  }
  const absl::Status written = context.output().json() ? context.output().WriteJson(ToJson(*result, sync.dry_run))
                                                       : context.output().Write(ToText(*result, sync.dry_run));
  if (!written.ok()) return written;
  if (!result->refused.empty()) {
    return absl::DataLossError(
        absl::StrCat("the target refused ", Count(result->refused.size(), "row"),
                     creates ? "; UNIQUE, CHECK, indexes and foreign keys are made once it takes all of them" : ""));
  }
  if (creates) {
    if (absl::Status made = create(&tables::Creation::after_rows); !made.ok()) return made;
  }
  if (result->equal) return absl::OkStatus();
  return absl::DataLossError(sync.dry_run ? "the databases differ"
                                          : "the last round still found something to do: run it again");
}

}  // namespace authstate::cli
