#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_EXIT_CODE_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_EXIT_CODE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate::cli {

// How authstatectl ends. Documented by `--help` (kExitCodeHelp) and docs/cli.md; scripts build on the numbers.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,
  kRefused = 4,
  kUnavailable = 5,
  kDataLoss = 6,
  // As shells count a program that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
  kInterrupted = 130,
  kReaderGone = 141,
};

inline constexpr absl::string_view kExitCodeHelp =
    R"(Exit codes:
  0  done
  1  anything not named here
  2  wrong usage: an unknown command, option or option value
  3  not found: the session, its creds, or a key that was asked for
  4  refused: bad input, a revision that differs, a missing --yes or --replace; nothing was changed; of --all: some failed
  5  the server or its database is away, busy or too slow; try again
  6  stored data cannot be read back, differs from what was imported, or is not what Baileys needs;
     of cutover: no go, or its rehearsal failed; of decommission: not quiet for long enough, or unknown
  130  interrupted (SIGINT, SIGTERM or SIGHUP)
  141  the reader of the output went away)";

// The code of a command that ended with `status`.
ExitCode ToExitCode(const absl::Status& status);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_EXIT_CODE_H_
