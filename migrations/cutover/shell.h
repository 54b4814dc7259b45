#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_SHELL_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_SHELL_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace authstate::cutover {

// Runs `command` by /bin/sh -c, in a group of processes of its own and with this process's environment; blocks. It
// reads nothing on its standard input, and all that it writes goes to the standard error of this process.
//
// `interrupted` is asked now and then. Once it fails, or `deadline` has passed, the group gets SIGTERM, and SIGKILL
// when the shell has ended by that or 5 s later. What a command that succeeded has left running goes on.
//
// Internal when it cannot be started or fails, with how; DeadlineExceeded when it was ended for its time; else as
// `interrupted`. The messages do not quote the command.
absl::Status RunShell(const std::string& command, absl::Time deadline,
                      const std::function<absl::Status()>& interrupted);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_SHELL_H_
