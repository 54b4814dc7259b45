#include "client/cli/commands/tables.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/terminal/text.h"
#include "migrations/tables/report.h"

namespace authstate::cli {
namespace {

constexpr std::uint64_t kMostRows = 10'000;
constexpr std::uint64_t kMostBatchBytes = std::uint64_t{1} << 28;
constexpr int kMostRounds = 1000;

std::string PerSecond(std::int64_t rows, absl::Duration took) {
  return absl::StrCat(static_cast<std::int64_t>(rows / std::max(absl::ToDoubleSeconds(took), 1e-3)), " rows/s");
}

// How long the rest takes at this pace.
std::string Left(std::int64_t done, std::int64_t total, absl::Duration took) {
  if (done <= 0 || total <= done) return "";
  return absl::StrCat(", ", absl::FormatDuration(absl::Ceil(took * (total - done) / done, absl::Seconds(1))), " left");
}

}  // namespace

void TablesProgress::Show(const tables::TableSync& table, std::int64_t compared, std::int64_t about) {
  const absl::Time now = absl::Now();
  if (table.table != table_) {
    before_ += compared_;
    table_ = table.table;
    table_began_ = now;
  }
  compared_ = compared;
  const std::int64_t done = before_ + compared;
  const absl::Duration took = now - table_began_;
  progress_.Show(absl::StrCat(table.table, " ", PerSecond(compared, took), Left(compared, about, took), "; all ",
                              PerSecond(done, now - began_), Left(done, rows_, now - began_)),
                 compared, about);
}

std::vector<Option> ProfilePair(TablesOptions* options) {
  return {ProfileOption("--from", &options->from, "The profile of the source"),
          ProfileOption("--to", &options->to, "The profile of the target")};
}

Option Needs(TablesOptions* options) {
  return profiles::List("--needs", &options->request.needs,
                        "table:column,column that the application names after ON CONFLICT; more than once");
}

Option Accept(TablesOptions* options) {
  return profiles::List("--accept", &options->request.accepted,
                        "Go on in spite of the finding with this id, as plan shows it; more than once");
}

std::vector<Option> TableChoice(TablesOptions* options) {
  return {Text("--schema", &options->request.schema, "The schema of the tables, of both sides"),
          profiles::List("--tables", &options->request.tables, "Only these; else all but auth_* and whatsapp_*", ',')};
}

absl::StatusOr<tables::TableMove> OpenMove(const TablesOptions& options, bool reverse, const SignalWatcher& signals) {
  const absl::StatusOr<profiles::DatabaseOptions> database = ReadDatabaseOptions(options.database);
  if (!database.ok()) return database.status();
  absl::StatusOr<tables::TableMove> move =
      tables::OpenTableMove(*database, reverse ? options.to : options.from, reverse ? options.from : options.to,
                            options.request.schema, options.patience, [&signals] { return signals.Check(); });
  if (!move.ok()) return move;
  for (const std::string& warning : move->warnings) WarnOfDatabase(warning);
  return move;
}

std::string FindingsText(const std::vector<tables::Finding>& findings) {
  std::string text;
  for (const tables::Finding& finding : findings) {
    absl::StrAppend(&text, finding.severity == tables::Severity::kBlocks ? "blocks  " : "warns   ",
                    finding.table.empty() ? "" : absl::StrCat(finding.table, ": "), Printable(finding.what), "\n");
    if (!finding.remedy.empty()) absl::StrAppend(&text, "        do:  ", Printable(finding.remedy), "\n");
    absl::StrAppend(&text, "        id:  ", Printable(finding.id), "\n");
  }
  return text;
}

absl::Status RefuseBlocked(CommandContext& context, const tables::Plan& plan, const tables::PlanRequest& request) {
  const std::vector<tables::Finding> blocking = plan.Blocking(request);
  if (blocking.empty()) return absl::OkStatus();
  absl::Status written;
  if (context.output().json()) {
    Json findings = Json::array();
    for (const tables::Finding& finding : blocking) findings.push_back(tables::ToJson(finding));
    written = context.output().WriteJson({{"blocking", std::move(findings)}});
  } else {
    written = context.output().Write(FindingsText(blocking));
  }
  if (!written.ok()) return written;
  return absl::FailedPreconditionError(absl::StrCat(
      Count(blocking.size(), "finding"), " of the plan in the way; nothing was written. Mend them, let --create make ",
      "what is missing, or accept one with --accept ID"));
}

Command TablesCommands(Action* action) {
  const auto options = std::make_shared<TablesOptions>();
  const auto leaf = [&](const char* name, const char* help, std::vector<Option> declared,
                        absl::Status (*run)(CommandContext&, const TablesOptions&)) {
    return Leaf(name, help, options, std::move(declared), run, action);
  };
  const Option create = Flag("--create", &options->request.create,
                             "Make what is missing in the target, from the catalogue of the source");
  const Option accept = Accept(options.get());
  const Option needs = Needs(options.get());
  const Option report = Text("--report", &options->report, "JSON file for the report, which --reverse reads again");
  const Option page = Text("--html", &options->page, "HTML file for the report, one page");
  const Option required_report =
      Required(Text("REPORT", &options->report, "JSON file that `tables verify --report` has written"));
  Command group = Group(
      "tables", "Move the application's tables between two PostgreSQL, without a server: plan, sync, verify, report",
      {leaf("plan", "Look for what stands in the way of a move, and what to do about it; changes nothing",
            {create, accept, needs,
             Flag("--print", &options->print, "Print the statements of --create in place of the findings")},
            RunTablesPlan),
       leaf("sync", "Make the target's tables as the source's; again to resume, to catch up, to come back",
            {create, accept, needs, report,
             Flag("--dry-run", &options->sync.dry_run, "Find what there is to do, and do nothing"),
             Flag("--reverse", &options->reverse,
                  "The way back: make --from as --to, unless --from was written to since --report"),
             Flag("--allow-emptying", &options->sync.allow_emptying,
                  "Also delete all rows of a table that is empty in the source"),
             profiles::Number("--batch", &options->sync.batch.rows, 1, kMostRows, "Rows of one transaction"),
             profiles::Number("--batch-bytes", &options->sync.batch.bytes, 1, kMostBatchBytes,
                              "Bytes of their values, beyond the first row"),
             profiles::Number("--max-errors", &options->sync.max_errors, 0, std::numeric_limits<std::uint32_t>::max(),
                              "Rows that the target may refuse before the move ends"),
             profiles::Number("--rounds", &options->sync.rounds, 1, kMostRounds,
                              "Rounds over all tables, unless one finds nothing to do")},
            RunTablesSync),
       leaf("verify", "Compare the schema, and every row of every table; exit code 6 when they differ",
            {report, page, needs, accept,
             profiles::Number("--listed", &options->listed, 1, kMostRows, "Rows that differ to list of each table")},
            RunTablesVerify),
       leaf("report", "Say whether a report still counts: not older than a day, and of the schemas as they are",
            {required_report, page}, RunTablesReport)});
  for (Command& command : group.commands) {
    for (Option& option : ProfilePair(options.get())) command.options.push_back(std::move(option));
    command.options.push_back(profiles::Duration("--statement-timeout", &options->patience.statement, absl::Seconds(1),
                                                 absl::Hours(24), "How long one statement may take"));
    command.options.push_back(profiles::Duration("--lock-timeout", &options->patience.lock, absl::Milliseconds(1),
                                                 absl::Hours(1), "How long to wait for what others lock"));
    command.options.push_back(profiles::Duration("--patience", &options->patience.away, absl::Milliseconds(1),
                                                 absl::Hours(24), "How long to try a database that is away"));
  }
  for (Command& command : group.commands) {
    if (command.name == "report") continue;
    for (Option& option : TableChoice(options.get())) command.options.push_back(std::move(option));
  }
  DeclareDatabase(&options->database, &group);
  return group;
}

}  // namespace authstate::cli
