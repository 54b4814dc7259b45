#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_FOLDER_PROBLEM_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_FOLDER_PROBLEM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate::cli {

// Why one file of a folder cannot be imported, or one key cannot become a file. Never quotes a value.
struct FolderProblem {
  std::string file;
  std::string reason;

  friend bool operator==(const FolderProblem& a, const FolderProblem& b) {
    return a.file == b.file && a.reason == b.reason;
  }
};

// A FailedPrecondition that carries all problems, so that they can be mended in one go.
absl::Status FolderProblemsError(absl::string_view message, const std::vector<FolderProblem>& problems);

// The problems a status carries; empty for any other status.
std::vector<FolderProblem> FolderProblemsOf(const absl::Status& status);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_FOLDER_PROBLEM_H_
