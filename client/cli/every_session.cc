#include "client/cli/every_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

bool IsOfOneSession(const absl::Status& status) {
  if (client::ReasonOf(status) == client::kServerTooOld) return false;
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsAborted(status) || absl::IsAlreadyExists(status);
}

}  // namespace

absl::Status SessionTally::Add(const std::string& session_id, const absl::StatusOr<SessionDone>& outcome) {
  if (absl::IsNotFound(outcome.status())) return absl::OkStatus();
  if (!outcome.ok() && !IsOfOneSession(outcome.status())) {
    return WithMessage(outcome.status(), absl::StrCat("session ", session_id, ": ", outcome.status().message()));
  }
  if (!outcome.ok()) {
    ++failed_;
    damaged_ = damaged_ || absl::IsDataLoss(outcome.status());
  } else {
    ++(outcome->already ? already_ : done_);
  }
  if (output_.json()) {
    Json session{{"session_id", session_id}};
    if (outcome.ok()) {
      session.update(outcome->json);
    } else {
      session["error"] = std::string(outcome.status().message());
    }
    shown_.push_back(std::move(session));
    return absl::OkStatus();
  }
  const std::string line =
      outcome.ok() ? outcome->text : absl::StrCat("session ", session_id, " FAILED: ", outcome.status().message());
  return line.empty() ? absl::OkStatus() : output_.WriteLine(Printable(line));
}

absl::Status SessionTally::Finish(const absl::Status& ended, const Json& more) {
  const std::string summary = absl::StrCat(done_word_, " ", Count(done_, "session"),
                                           already_ > 0 ? absl::StrCat("; ", already_, " needed nothing") : "",
                                           failed_ > 0 ? absl::StrCat("; ", failed_, " failed") : "");
  Json json{{"sessions", shown_}, {"done", done_}, {"already", already_}, {"failed", failed_}};
  json.update(more);
  absl::Status said = output_.json() ? output_.WriteJson(json) : output_.WriteLine(summary);
  if (!said.ok()) return said;
  if (!ended.ok()) {
    return WithMessage(ended, absl::StrCat(ended.message(), "; ", summary, "; run it again to finish it"));
  }
  if (failed_ == 0) return absl::OkStatus();
  const std::string failures = absl::StrCat(Count(failed_, "session"), " of ", sessions(), " could not be ", done_word_,
                                            "; what is done stays, and is not done again");
  return damaged_ ? absl::DataLossError(failures) : absl::FailedPreconditionError(failures);
}

absl::Status ForEverySession(CommandContext& context, SignalWatcher& signals, const std::string& prefix,
                             absl::string_view done, SessionWork work) {
  Progress progress(context.output().json());
  SessionTally tally(&context.output(), done);
  client::SessionFilter filter;
  filter.prefix = prefix;
  const auto visit = [&](const client::SessionSummary& session) {
    progress.Show("sessions:", tally.sessions(), 0);
    absl::Status status = signals.Check();
    if (!status.ok()) return status;
    return tally.Add(session.session_id, work(session));
  };
  return tally.Finish(context.client().ListSessions(filter, visit).status());
}

}  // namespace authstate::cli
