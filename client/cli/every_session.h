#ifndef AUTHSTATE_CLIENT_CLI_EVERY_SESSION_H_
#define AUTHSTATE_CLIENT_CLI_EVERY_SESSION_H_

#include <cstdint>
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

// Counts and tells what became of many sessions. Not thread-safe.
class SessionTally {
 public:
  // `done` is what the work is called, as in `exported`. `output` outlives this.
  SessionTally(Output* output, absl::string_view done) : output_(*output), done_word_(done) {}

  // OK where others can be gone on with: the session is done, is gone meanwhile (NotFound), or has failed for itself
  // (damaged, owned, refused), which is told. Else the error, which would be in the way of the others too.
  absl::Status Add(const std::string& session_id, const absl::StatusOr<SessionDone>& outcome);

  std::uint64_t sessions() const { return done_ + already_ + failed_; }
  std::uint64_t done() const { return done_; }

  // Tells the sums, after `ended`, which is how the work as a whole came to its end. With --json also `more`.
  absl::Status Finish(const absl::Status& ended, const Json& more = Json::object());

 private:
  Output& output_;
  const std::string done_word_;
  std::uint64_t done_ = 0;
  std::uint64_t already_ = 0;
  std::uint64_t failed_ = 0;
  bool damaged_ = false;
  // What --json shows, once all are done.
  Json shown_ = Json::array();
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
