#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/commands/session_import.h"
#include "client/cli/terminal/folder_problem.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct Tally {
  std::size_t imported = 0;
  std::size_t unchanged = 0;
  std::size_t failed = 0;
  std::size_t not_begun = 0;
  Json sessions = Json::array();
};

std::string Summary(const ImportOptions& options, const Tally& tally) {
  std::string text = absl::StrCat(options.dry_run ? "would import " : "imported ", Count(tally.imported, "session"));
  if (tally.unchanged > 0) absl::StrAppend(&text, "; ", tally.unchanged, " held it already");
  if (tally.failed > 0) absl::StrAppend(&text, "; ", tally.failed, " failed");
  if (tally.not_begun > 0) absl::StrAppend(&text, "; ", tally.not_begun, " not begun");
  return text;
}

absl::Status Report(Output& output, const ImportOptions& options, const std::string& name,
                    const absl::StatusOr<ImportOutcome>& outcome, Tally* tally) {
  if (outcome.ok()) {
    ++(outcome->result.unchanged ? tally->unchanged : tally->imported);
  } else {
    ++tally->failed;
  }
  if (output.json()) {
    Json session = outcome.ok() ? OutcomeJson(options, name, *outcome) : Json{{"session_id", name}};
    if (!outcome.ok()) {
      session["error"] = std::string(outcome.status().message());
      for (const FolderProblem& problem : FolderProblemsOf(outcome.status())) {
        session["files"].push_back({{"file", problem.file}, {"reason", problem.reason}});
      }
    }
    tally->sessions.push_back(session);
    return absl::OkStatus();
  }
  std::string text =
      outcome.ok() ? OutcomeText(options, name, *outcome)
                   : absl::StrCat("session ", Printable(name), " FAILED: ", Printable(outcome.status().message()));
  for (const FolderProblem& problem : FolderProblemsOf(outcome.status())) {
    absl::StrAppend(&text, "\n", Printable(problem.file), ": ", Printable(problem.reason));
  }
  absl::Status written = output.WriteLine(absl::StrReplaceAll(text, {{"\n", "\n  "}}));
  // What a process that is killed has done, it has said.
  return written.ok() ? output.Flush() : written;
}

// Whether the next session would fare no better.
bool EndsAll(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsUnauthenticated(status);
}

absl::Status Finish(Output& output, const ImportOptions& options, const Tally& tally, const absl::Status& ended) {
  const std::string summary = Summary(options, tally);
  absl::Status written = output.json() ? output.WriteJson({{"sessions", tally.sessions},
                                                           {"imported", tally.imported},
                                                           {"unchanged", tally.unchanged},
                                                           {"failed", tally.failed},
                                                           {"not_begun", tally.not_begun}})
                                       : output.WriteLine(summary);
  if (!written.ok()) return written;
  if (!ended.ok()) {
    return WithMessage(ended, absl::StrCat(ended.message(), "; ", summary, "; run it again to finish it"));
  }
  if (tally.failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(Count(tally.failed, "session"), " could not be imported, and ", tally.failed == 1 ? "is" : "are",
                   " as before; run it again when that is mended: what is imported stays"));
}

}  // namespace

absl::Status ImportAll(CommandContext& context, const ImportOptions& options) {
  if (options.write.fence != 0) return absl::InvalidArgumentError("--fence is of one session, and --all of many");
  // What is under way when a signal comes is finished: calls are not cancelled.
  SignalWatcher signals;
  signals.Start([] {});
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(options.all, StoreOptionsOf(options));
  if (!store.ok()) return store.status();
  const std::vector<std::string> names = (*store)->sessions();
  Output& output = context.output();
  Progress progress(output.json());
  Progress quiet(/*quiet=*/true);
  Tally tally;
  absl::Status ended;
  for (const std::string& name : names) {
    ended = signals.Check();
    if (!ended.ok()) break;
    progress.Show("sessions:", tally.imported + tally.unchanged + tally.failed, names.size());
    const auto go_on = [](std::size_t /*done*/, std::size_t /*total*/) { return absl::OkStatus(); };
    const absl::StatusOr<ImportOutcome> outcome =
        name.empty() ? absl::InvalidArgumentError("does not say whose it is; import it as session import SESSION PATH")
                     : ImportOne(context, options, **store, name, name, go_on, quiet);
    absl::Status reported = Report(output, options, name, outcome, &tally);
    if (!reported.ok()) return reported;
    if (EndsAll(outcome.status())) ended = outcome.status();
    if (!ended.ok()) break;
  }
  tally.not_begun = names.size() - tally.imported - tally.unchanged - tally.failed;
  return Finish(output, options, tally, ended);
}

}  // namespace authstate::cli
