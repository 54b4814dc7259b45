#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/tables.h"
#include "client/cli/terminal/text.h"
#include "migrations/tables/creation.h"
#include "migrations/tables/report.h"

namespace authstate::cli {
namespace {

absl::Status Print(CommandContext& context, const tables::Creation& creation) {
  if (context.output().json()) {
    return context.output().WriteJson({{"before_rows", creation.before_rows}, {"after_rows", creation.after_rows}});
  }
  std::vector<std::string> lines;
  lines.push_back("-- Before the rows.");
  for (const std::string& statement : creation.before_rows) lines.push_back(absl::StrCat(statement, ";"));
  lines.push_back("-- After the rows.");
  for (const std::string& statement : creation.after_rows) lines.push_back(absl::StrCat(statement, ";"));
  return context.output().WriteLines(lines);
}

}  // namespace

absl::Status RunTablesPlan(CommandContext& context, const TablesOptions& options) {
  SignalWatcher signals;
  signals.Start([] {});
  absl::StatusOr<tables::TableMove> move = OpenMove(options, /*reverse=*/false, signals);
  if (!move.ok()) return move.status();
  const absl::StatusOr<tables::Plan> plan =
      tables::MakePlan(*move->from, move->from_catalogue, move->to_catalogue, options.request);
  if (!plan.ok()) return plan.status();
  if (options.print) {
    return Print(context, tables::PlanCreation(move->from_catalogue, move->to_catalogue, plan->tables));
  }
  const std::vector<tables::Finding> blocking = plan->Blocking(options.request);
  absl::Status written;
  if (context.output().json()) {
    Json findings = Json::array();
    for (const tables::Finding& finding : plan->findings) findings.push_back(tables::ToJson(finding));
    written = context.output().WriteJson({{"tables", plan->tables},
                                          {"clean", blocking.empty()},
                                          {"blocking", blocking.size()},
                                          {"findings", std::move(findings)}});
  } else {
    written = context.output().Write(FindingsText(plan->findings));
    if (written.ok()) {
      written = context.output().WriteLine(absl::StrCat(
          Count(plan->tables.size(), "table"), " to move; ",
          blocking.empty() ? "nothing is in the way" : absl::StrCat(Count(blocking.size(), "finding"), " in the way")));
    }
  }
  if (!written.ok() || blocking.empty()) return written;
  return absl::FailedPreconditionError(absl::StrCat(Count(blocking.size(), "finding"), " in the way of the move"));
}

}  // namespace authstate::cli
