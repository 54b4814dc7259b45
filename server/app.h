#ifndef AUTHSTATE_SERVER_APP_H_
#define AUTHSTATE_SERVER_APP_H_

#include "server/options.h"

namespace authstate::server {

// Keeps SIGTERM and SIGINT for RunApp. Call before any thread is started.
void BlockStopSignals();

// Opens the store, serves until SIGTERM or SIGINT, drains, and returns the exit code (server/exit_code.h). Prints one
// line on standard output once it serves, and one on standard error when it cannot. The only place that names drivers
// and stacks decorators. Wipes the text of a keyring from `options` once it is read.
int RunApp(Options& options);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_APP_H_
