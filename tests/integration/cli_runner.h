#ifndef AUTHSTATE_TESTS_INTEGRATION_CLI_RUNNER_H_
#define AUTHSTATE_TESTS_INTEGRATION_CLI_RUNNER_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/terminal/exit_code.h"

namespace authstate {

// How authstatectl ends, as a process tells it.
inline constexpr int kOk = static_cast<int>(cli::ExitCode::kOk);
inline constexpr int kFailure = static_cast<int>(cli::ExitCode::kFailure);
inline constexpr int kUsage = static_cast<int>(cli::ExitCode::kUsage);
inline constexpr int kNotFound = static_cast<int>(cli::ExitCode::kNotFound);
inline constexpr int kRefused = static_cast<int>(cli::ExitCode::kRefused);
inline constexpr int kUnavailable = static_cast<int>(cli::ExitCode::kUnavailable);
inline constexpr int kDataLoss = static_cast<int>(cli::ExitCode::kDataLoss);
inline constexpr int kInterrupted = static_cast<int>(cli::ExitCode::kInterrupted);
inline constexpr int kReaderGone = static_cast<int>(cli::ExitCode::kReaderGone);

// What a program did.
struct CliResult {
  int code = -1;
  std::string out;
  std::string err;

  // `out` and `err` as JSON; a discarded value when they are none.
  nlohmann::json OutJson() const { return nlohmann::json::parse(out, nullptr, /*allow_exceptions=*/false); }
  nlohmann::json ErrJson() const { return nlohmann::json::parse(err, nullptr, /*allow_exceptions=*/false); }
};

// Runs authstatectl against one server. Ends the test process when it cannot be run. To be used from the main thread.
class CliRunner {
 public:
  explicit CliRunner(std::string address) : address_(std::move(address)) {}

  CliResult Run(std::vector<std::string> arguments) const;
  // Runs a bash script that finds `authstatectl`, pointed at the server, in its PATH.
  CliResult Bash(const std::string& script) const;

  // The environment of Bash, for processes that a test starts by itself.
  std::vector<std::string> Environment() const;

 private:
  CliResult RunToEnd(std::vector<std::string> argv) const;

  std::string address_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_CLI_RUNNER_H_
