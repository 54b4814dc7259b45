#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/check/session_check.h"
#include "client/cli/commands/session_import.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

SessionReport Check(const Folder& folder) {
  SessionCheck check;
  if (folder.creds.has_value()) check.AddCreds(*folder.creds);
  for (const client::KeyEntry& key : folder.keys) check.AddKey(key);
  return std::move(check).Finish();
}

std::string FirstLine(const ImportOptions& options, const std::string& session_id, const ImportOutcome& outcome) {
  const ImportResult& result = outcome.result;
  const std::string what =
      absl::StrCat(outcome.folder.creds.has_value() ? "creds and " : "", Count(result.keys, "key"));
  if (result.unchanged) return absl::StrCat("session ", session_id, " holds this already; nothing was written");
  const std::string commits = Count(result.commits, "commit");
  if (options.dry_run) {
    return absl::StrCat(result.resumed ? "would finish an import that had ended early: " : "", "would import ", what,
                        " into session ", session_id, " in ", commits, "; nothing was written");
  }
  return absl::StrCat(result.resumed ? "finished an import that had ended early: " : "", "imported ", what,
                      " into session ", session_id, " at revision ", result.revision, " in ", commits,
                      "; read back and equal");
}

}  // namespace

std::string OutcomeText(const ImportOptions& options, const std::string& session_id, const ImportOutcome& outcome) {
  const Folder& folder = outcome.folder;
  std::string text = FirstLine(options, session_id, outcome);
  if (folder.creds_unwrapped) {
    absl::StrAppend(&text, "\nthe creds were encoded twice, as JSON text in a JSON string; they are unwrapped");
  }
  if (!folder.mended.empty()) {
    absl::StrAppend(&text, "\nbytes that stood in another form are Buffers now, in ",
                    Count(folder.mended.size(), "file"), ": ", Printable(absl::StrJoin(folder.mended, ", ")));
  }
  if (!folder.from_backup.empty()) {
    absl::StrAppend(&text, "\nread from their .bak: ", Printable(absl::StrJoin(folder.from_backup, ", ")));
  }
  if (!folder.ignored.empty()) {
    absl::StrAppend(&text, "\nnot read, being no .json files: ", Printable(absl::StrJoin(folder.ignored, ", ")));
  }
  for (const FolderProblem& problem : folder.left_out) {
    absl::StrAppend(&text, "\nleft out: ", Printable(problem.file), ": ", Printable(problem.reason));
  }
  if (!options.dry_run) return text;
  const SessionReport report = Check(folder);
  absl::StrAppend(&text, "\nits state: ", NameOf(report.state));
  for (const Finding& finding : report.findings) {
    absl::StrAppend(&text, "\n  ", finding.wrong ? "wrong: " : "note: ", finding.message);
  }
  return text;
}

Json OutcomeJson(const ImportOptions& options, const std::string& session_id, const ImportOutcome& outcome) {
  const Folder& folder = outcome.folder;
  Json left_out = Json::array();
  for (const FolderProblem& problem : folder.left_out) {
    left_out.push_back({{"file", problem.file}, {"reason", problem.reason}});
  }
  Json json{{"session_id", session_id},
            {"revision", outcome.result.revision},
            {"creds", folder.creds.has_value()},
            {"keys", outcome.result.keys},
            {"commits", outcome.result.commits},
            {"resumed", outcome.result.resumed},
            {"unchanged", outcome.result.unchanged},
            {"creds_unwrapped", folder.creds_unwrapped},
            {"mended", folder.mended},
            {"from_backup", folder.from_backup},
            {"ignored", folder.ignored},
            {"left_out", left_out}};
  if (!options.dry_run) return json;
  const SessionReport report = Check(folder);
  json["dry_run"] = true;
  json["state"] = std::string(NameOf(report.state));
  json["findings"] = Json::array();
  for (const Finding& finding : report.findings) {
    json["findings"].push_back({{"reason", finding.reason}, {"message", finding.message}, {"wrong", finding.wrong}});
  }
  return json;
}

}  // namespace authstate::cli
