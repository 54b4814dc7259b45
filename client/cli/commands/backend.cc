#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "client/cli/terminal/write_behind_text.h"

namespace authstate::cli {
namespace {

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string LatencyText(absl::Duration latency) {
  if (latency == absl::ZeroDuration()) return "-";
  return absl::FormatDuration(absl::Trunc(latency, absl::Microseconds(10)));
}

std::string StateOf(const client::BackendInfo& backend) {
  if (backend.serving) return "serving";
  if (backend.following.has_value()) return "following";
  if (!backend.probe_error.has_value()) return "idle";
  return backend.probe_error->empty() ? "usable" : "unusable";
}

// How long ago all was there; nullopt: it never was.
std::optional<absl::Duration> LagOf(const client::FollowInfo& following, absl::Time now) {
  if (!following.equal_time.has_value()) return std::nullopt;
  return std::max(absl::ZeroDuration(), now - *following.equal_time);
}

Json ToJson(const client::FollowInfo& following, absl::Time now) {
  const std::optional<absl::Duration> lag = LagOf(following, now);
  return {{"since", TimeText(following.since)},
          {"lag_seconds", lag.has_value() ? Json(absl::ToDoubleSeconds(*lag)) : Json()},
          {"differing_sessions", following.differing_sessions},
          {"error", following.error}};
}

std::string FollowText(const client::BackendInfo& backend, absl::Time now) {
  const std::optional<absl::Duration> lag = LagOf(*backend.following, now);
  std::string text = absl::StrCat(backend.name, " is kept equal since ", TimeText(backend.following->since), ", ");
  if (lag.has_value()) {
    absl::StrAppend(&text, "and has all that was written ",
                    absl::FormatDuration(absl::Trunc(*lag, absl::Milliseconds(1))), " ago");
  } else {
    absl::StrAppend(&text, "and is not yet");
  }
  if (backend.following->differing_sessions > 0) {
    absl::StrAppend(&text, ", but for ", Count(backend.following->differing_sessions, "session"));
  }
  if (!backend.following->error.empty()) absl::StrAppend(&text, "; ", Printable(backend.following->error));
  return text;
}

Json ToJson(const client::BackendInfo& backend) {
  Json shown{{"name", backend.name},
             {"kind", backend.kind},
             {"location", backend.location},
             {"layout", backend.layout},
             {"tls", backend.tls},
             {"pooler", backend.pooler},
             {"schema_version", backend.schema_version},
             {"serving", backend.serving}};
  shown["serving_since"] = backend.serving_since.has_value() ? Json(TimeText(*backend.serving_since)) : Json();
  shown["connections"] = backend.connections;
  shown["statements"] = backend.statements;
  shown["errors"] = backend.errors;
  shown["errors_by_class"] = backend.errors_by_class;
  shown["statements_last_minute"] = backend.statements_last_minute;
  shown["errors_last_minute"] = backend.errors_last_minute;
  shown["median_latency_ms"] = absl::ToDoubleMilliseconds(backend.median_latency);
  shown["p99_latency_ms"] = absl::ToDoubleMilliseconds(backend.p99_latency);
  if (backend.following.has_value()) shown["following"] = ToJson(*backend.following, absl::Now());
  if (backend.probe_error.has_value()) {
    shown["probe"] = {{"usable", backend.probe_error->empty()}, {"error", *backend.probe_error}};
  }
  return shown;
}

struct BackendOptions {
  bool probe = false;
  client::SwitchOptions change;
  bool yes = false;
};

absl::Status ShowBackends(CommandContext& context, const BackendOptions& options) {
  const absl::StatusOr<client::Backends> found = context.client().ListBackends(options.probe);
  if (!found.ok()) return found.status();
  if (context.output().json()) {
    Json backends = Json::array();
    for (const client::BackendInfo& backend : found->backends) backends.push_back(ToJson(backend));
    Json shown{{"backends", std::move(backends)}};
    if (found->write_behind.has_value()) shown["write_behind"] = WriteBehindJson(*found->write_behind, absl::Now());
    return context.output().WriteJson(shown);
  }
  std::vector<std::vector<std::string>> rows{{"BACKEND", "STATE", "LOCATION", "LAYOUT", "TLS", "POOLER", "CONNECTIONS",
                                              "QUERIES/MIN", "ERRORS/MIN", "MEDIAN", "P99", "QUERIES", "ERRORS"}};
  std::vector<std::string> notes;
  for (const client::BackendInfo& backend : found->backends) {
    rows.push_back({backend.name, StateOf(backend), OrDash(backend.location), OrDash(backend.layout),
                    OrDash(backend.tls), OrDash(backend.pooler), absl::StrCat(backend.connections),
                    absl::StrCat(backend.statements_last_minute), absl::StrCat(backend.errors_last_minute),
                    LatencyText(backend.median_latency), LatencyText(backend.p99_latency),
                    absl::StrCat(backend.statements), absl::StrCat(backend.errors)});
    if (backend.serving_since.has_value()) {
      notes.push_back(absl::StrCat(backend.name, " serves since ", TimeText(*backend.serving_since)));
    }
    for (const auto& [error_class, count] : backend.errors_by_class) {
      notes.push_back(absl::StrCat(backend.name, ": ", Count(count, "error"), " of class ", error_class));
    }
    if (backend.following.has_value()) notes.push_back(FollowText(backend, absl::Now()));
    if (!backend.probe_error.value_or("").empty()) {
      notes.push_back(absl::StrCat(backend.name, ": ", Printable(*backend.probe_error)));
    }
  }
  absl::Status status = context.output().Write(Table(rows));
  if (status.ok()) status = context.output().WriteLines(notes);
  if (!status.ok() || !found->write_behind.has_value()) return status;
  return context.output().Write(Table(WriteBehindRows(*found->write_behind, absl::Now())));
}

std::string SwitchQuestion(const client::SwitchOptions& options) {
  return absl::StrCat(
      "Switch to ", options.target,
      options.force ? " without comparing what it keeps? Data may be lost." : "? Calls are held for a moment.");
}

std::string PhaseText(const client::SwitchProgress& progress) {
  switch (progress.phase) {
    case client::SwitchProgress::Phase::kOpening:
      return "opening";
    case client::SwitchProgress::Phase::kComparing:
      return absl::StrCat("comparing, round ", progress.round);
    case client::SwitchProgress::Phase::kPaused:
      return "holding calls";
    case client::SwitchProgress::Phase::kSwitched:
      return "switched";
  }
  return "";
}

Json ToJson(const client::SwitchOptions& options, const client::SwitchResult& result) {
  Json differences = Json::array();
  for (const client::SessionDifference& difference : result.differences) {
    differences.push_back({{"session_id", difference.session_id}, {"what", difference.what}});
  }
  return {{"target", options.target},
          {"from", result.from},
          {"switched", result.switched},
          {"forced", options.force},
          {"pause_ms", absl::ToDoubleMilliseconds(result.pause)},
          {"sessions_compared", result.sessions_compared},
          {"sessions_copied", result.sessions_copied},
          {"other_revisions", result.other_revisions},
          {"differing_sessions", result.differing_sessions},
          {"differences", differences}};
}

absl::Status WriteResult(Output& output, const client::SwitchOptions& options, const client::SwitchResult& result) {
  if (output.json()) return output.WriteJson(ToJson(options, result));
  std::string text;
  if (result.switched) {
    absl::StrAppend(&text, "switched from ", result.from, " to ", options.target, "; calls were held for ",
                    absl::FormatDuration(absl::Trunc(result.pause, absl::Microseconds(100))), "\n");
    absl::StrAppend(&text, options.force ? "nothing was compared" : Count(result.sessions_compared, "session"),
                    options.force ? "" : " compared, all alike", "\n");
    if (options.sync) absl::StrAppend(&text, Count(result.sessions_copied, "time"), " a session was copied\n");
    if (options.follow) absl::StrAppend(&text, result.from, " is kept equal from now on\n");
    absl::StrAppend(&text, "the next start takes what the configuration says\n");
  }
  if (result.other_revisions > 0) {
    absl::StrAppend(&text, Count(result.other_revisions, "session"),
                    " at another revision there: an expected_revision from before the switch may not fit\n");
  }
  if (result.differing_sessions > 0) {
    absl::StrAppend(&text, Count(result.differing_sessions, "session"), " not alike:\n");
    for (const client::SessionDifference& difference : result.differences) {
      absl::StrAppend(&text, "  ", Printable(difference.session_id), " ", Printable(difference.what), "\n");
    }
  }
  return output.Write(text);
}

absl::Status SwitchBackend(CommandContext& context, const BackendOptions& options) {
  if (!options.yes) {
    absl::Status confirmed = Confirm(
        "switching", [&] { return SwitchQuestion(options.change); }, "not switched");
    if (!confirmed.ok()) return confirmed;
  }
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  client::SwitchResult result;
  absl::Status status;
  {
    Progress progress(context.output().json());
    status = client.SwitchBackend(
        options.change,
        [&progress](const client::SwitchProgress& step) { progress.Show(PhaseText(step), step.compared, step.total); },
        &result);
  }
  // Empty when the server gave no answer.
  if (!result.from.empty()) {
    const absl::Status written = WriteResult(context.output(), options.change, result);
    if (status.ok()) status = written;
  }
  return status;
}

}  // namespace

Command BackendCommands(Action* action) {
  const auto options = std::make_shared<BackendOptions>();
  return Group(
      "backend", "Show the configured databases, and switch between them",
      {Leaf("status", "Show which database serves, and what each was asked", options,
            {Flag("--probe", &options->probe, "Find out also whether those that do not serve could")}, ShowBackends,
            action),
       Leaf("switch", "Let another database serve, without a restart", options,
            {Required(Text("NAME", &options->change.target, "The database, as status names it")),
             Flag("--force", &options->change.force, "Do not compare what the two keep; data may be lost"),
             Flag("--sync", &options->change.sync, "Make its sessions equal first, and the last within the pause"),
             Flag("--overwrite", &options->change.overwrite,
                  "With --sync: also those that are newer there, whose history there is lost"),
             Flag("--follow", &options->change.follow, "Keep the database that served equal from then on"),
             profiles::Duration("--max-pause", &options->change.max_pause, absl::Milliseconds(10), absl::Minutes(1),
                                "For how long calls may be held"),
             Yes(&options->yes, "Do not ask")},
            SwitchBackend, action),
       BackendSync(action)});
}

}  // namespace authstate::cli
