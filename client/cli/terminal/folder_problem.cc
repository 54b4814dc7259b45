#include "client/cli/terminal/folder_problem.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace authstate::cli {
namespace {

// file NUL reason NUL file NUL reason NUL …: neither a file name nor a reason has a NUL.
constexpr absl::string_view kProblemsUrl = "authstate.cli/folder-problems";

}  // namespace

absl::Status FolderProblemsError(absl::string_view message, const std::vector<FolderProblem>& problems) {
  absl::Cord payload;
  for (const FolderProblem& problem : problems) {
    for (const std::string& text : {problem.file, problem.reason}) {
      payload.Append(text);
      payload.Append(absl::string_view("\0", 1));
    }
  }
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kProblemsUrl, payload);
  return status;
}

std::vector<FolderProblem> FolderProblemsOf(const absl::Status& status) {
  std::vector<FolderProblem> problems;
  const auto payload = status.GetPayload(kProblemsUrl);
  if (!payload.has_value()) return problems;
  const std::vector<std::string> texts = absl::StrSplit(std::string(*payload), '\0');
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) problems.push_back({texts[i], texts[i + 1]});
  return problems;
}

}  // namespace authstate::cli
