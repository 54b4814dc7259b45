#include "client/cli/terminal/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/terminal/folder_problem.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

absl::string_view OutcomeText(client::Outcome outcome) {
  return outcome == client::Outcome::kNotApplied ? "NOT_APPLIED" : "UNKNOWN";
}

std::string ErrorObject(const absl::Status& status) {
  Json error;
  error["code"] = absl::StatusCodeToString(status.code());
  error["message"] = std::string(status.message());
  if (const auto reason = client::ReasonOf(status)) error["reason"] = *reason;
  if (const auto field = client::FieldOf(status)) error["field"] = *field;
  if (const auto outcome = client::OutcomeOf(status)) error["outcome"] = std::string(OutcomeText(*outcome));
  if (const auto revision = client::RevisionOf(status)) error["revision"] = *revision;
  if (const auto request_id = client::RequestIdOf(status)) error["request_id"] = *request_id;
  for (const FolderProblem& problem : FolderProblemsOf(status)) {
    error["files"].push_back({{"file", problem.file}, {"reason", problem.reason}});
  }
  return ToText({{"error", error}});
}

std::string ErrorLines(const absl::Status& status) {
  std::vector<std::string> facts;
  if (const auto field = client::FieldOf(status)) facts.push_back(absl::StrCat("field ", *field));
  if (client::OutcomeOf(status) == client::Outcome::kUnknown) facts.emplace_back("it may have been applied");
  if (const auto request_id = client::RequestIdOf(status)) facts.push_back(absl::StrCat("request ", *request_id));
  std::string text = absl::StrCat("authstatectl: ", absl::StatusCodeToString(status.code()), ": ", status.message());
  if (!facts.empty()) absl::StrAppend(&text, " (", absl::StrJoin(facts, ", "), ")");
  std::string lines = Printable(text);
  for (const FolderProblem& problem : FolderProblemsOf(status)) {
    absl::StrAppend(&lines, "\n  ", Printable(problem.file), ": ", Printable(problem.reason));
  }
  return lines;
}

// There is nobody left to tell when standard error fails.
void WriteError(absl::string_view line) {
  const std::string text = absl::StrCat(line, "\n");
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

std::string ToText(const Json& json) {
  return json.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string WithTextMember(const Json& object, absl::string_view name, absl::string_view text) {
  std::string merged = ToText(object);
  merged.pop_back();
  absl::StrAppend(&merged, object.empty() ? "" : ",", ToText(Json(std::string(name))), ":", text, "}");
  return merged;
}

absl::Status Output::Write(absl::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? absl::OkStatus() : Failure();
}

absl::Status Output::WriteLine(absl::string_view text) { return Write(absl::StrCat(text, "\n")); }

absl::Status Output::WriteLines(const std::vector<std::string>& lines) {
  absl::Status written;
  for (const std::string& line : lines) {
    if (written.ok()) written = WriteLine(line);
  }
  return written;
}

absl::Status Output::WriteJson(const Json& json) { return WriteLine(ToText(json)); }

absl::Status Output::Flush() { return std::fflush(stdout) == 0 ? absl::OkStatus() : Failure(); }

void Output::Warn(absl::string_view text) const {
  WriteError(json_ ? ToText({{"warning", std::string(text)}})
                   : absl::StrCat("authstatectl: warning: ", Printable(text)));
}

absl::Status Output::Failure() {
  const int error = errno;
  reader_gone_ = error == EPIPE;
  if (reader_gone_) return absl::CancelledError("the reader of the output went away");
  return absl::InternalError(absl::StrCat("cannot write the output: ", std::strerror(error)));
}

void PrintError(const absl::Status& status, bool json) { WriteError(json ? ErrorObject(status) : ErrorLines(status)); }

}  // namespace authstate::cli
