#ifndef AUTHSTATE_CLIENT_CLI_EVERY_SESSION_H_
#define AUTHSTATE_CLIENT_CLI_EVERY_SESSION_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/terminal/output.h"
#include "client/cpp/types.h"

namespace authstate::cli {

// What became of one session of many.
struct SessionDone {
  // Whether there was nothing to do.
  bool already = false;
  // A line for people; empty: none.
  std::string text;
  // Members for programs, beside `session_id`.
  Json json = Json::object();
};

using SessionWork = absl::FunctionRef<absl::StatusOr<SessionDone>(const client::SessionSummary& session)>;

// Does `work` with every session whose id begins with `prefix`, in the order of their ids, says what became of each,
// and ends with a summary: `done` is what it calls the work, as in `exported`. What happened is said also when it ends
// early.
//
// A session that is gone meanwhile (NotFound) is passed over. One that fails for itself (damaged, owned, refused) is
// named, and the others are gone on with; the status at the end is then DataLoss or FailedPrecondition. What would be
// in the way of the others too, such as a server that is away or a signal, which `signals` watches, ends the run.
absl::Status ForEverySession(CommandContext& context, SignalWatcher& signals, const std::string& prefix,
                             absl::string_view done, SessionWork work);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_EVERY_SESSION_H_
