#include "client/cli/every_session.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

struct Tally {
  std::uint64_t done = 0;
  std::uint64_t already = 0;
  std::uint64_t failed = 0;
  bool damaged = false;
  // What --json shows, once all are done.
  Json sessions = Json::array();
};

bool IsOfOneSession(const absl::Status& status) {
  if (client::ReasonOf(status) == client::kServerTooOld) return false;
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsAborted(status) || absl::IsAlreadyExists(status);
}

absl::Status Say(Output& output, const std::string& session_id, const absl::StatusOr<SessionDone>& outcome,
                 Tally* tally) {
  if (!outcome.ok()) {
    ++tally->failed;
    tally->damaged = tally->damaged || absl::IsDataLoss(outcome.status());
  } else {
    ++(outcome->already ? tally->already : tally->done);
  }
  if (output.json()) {
    Json session{{"session_id", session_id}};
    if (outcome.ok()) {
      session.update(outcome->json);
    } else {
      session["error"] = std::string(outcome.status().message());
    }
    tally->sessions.push_back(std::move(session));
    return absl::OkStatus();
  }
  const std::string line =
      outcome.ok() ? outcome->text : absl::StrCat("session ", session_id, " FAILED: ", outcome.status().message());
  return line.empty() ? absl::OkStatus() : output.WriteLine(Printable(line));
}

}  // namespace

absl::Status ForEverySession(CommandContext& context, SignalWatcher& signals, const std::string& prefix,
                             absl::string_view done, SessionWork work) {
  Output& output = context.output();
  Progress progress(output.json());
  Tally tally;
  client::SessionFilter filter;
  filter.prefix = prefix;
  const auto visit = [&](const client::SessionSummary& session) {
    progress.Show("sessions:", tally.done + tally.already + tally.failed, 0);
    absl::Status status = signals.Check();
    if (!status.ok()) return status;
    const absl::StatusOr<SessionDone> outcome = work(session);
    if (absl::IsNotFound(outcome.status())) return absl::OkStatus();
    if (outcome.ok() || IsOfOneSession(outcome.status())) return Say(output, session.session_id, outcome, &tally);
    return WithMessage(outcome.status(),
                       absl::StrCat("session ", session.session_id, ": ", outcome.status().message()));
  };
  const absl::Status ended = context.client().ListSessions(filter, visit).status();
  const std::string summary =
      absl::StrCat(done, " ", Count(tally.done, "session"),
                   tally.already > 0 ? absl::StrCat("; ", tally.already, " needed nothing") : "",
                   tally.failed > 0 ? absl::StrCat("; ", tally.failed, " failed") : "");
  absl::Status said = output.json() ? output.WriteJson({{"sessions", tally.sessions},
                                                        {"done", tally.done},
                                                        {"already", tally.already},
                                                        {"failed", tally.failed}})
                                    : output.WriteLine(summary);
  if (!said.ok()) return said;
  if (!ended.ok()) {
    return WithMessage(ended, absl::StrCat(ended.message(), "; ", summary, "; run it again to finish it"));
  }
  if (tally.failed == 0) return absl::OkStatus();
  const std::string failures =
      absl::StrCat(Count(tally.failed, "session"), " of ", tally.done + tally.already + tally.failed, " could not be ",
                   done, "; what is done stays, and is not done again");
  return tally.damaged ? absl::DataLossError(failures) : absl::FailedPreconditionError(failures);
}

}  // namespace authstate::cli
