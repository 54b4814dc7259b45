#include "client/cli/check/session_check.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/find_session.h"
#include "client/cli/terminal/lease_text.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct CheckOptions {
  std::string session_id;
  bool all = false;
  std::string prefix;
  bool show_ids = false;
};

// Reads all of a session and judges it. What cannot be read for damage is a report; another failure is none.
absl::StatusOr<SessionReport> Check(client::Client& client, const std::string& session_id) {
  SessionCheck check;
  const absl::Status loaded = client.LoadSession(session_id, 0, [&check](const client::SessionPage& page) {
    if (page.creds.has_value()) check.AddCreds(*page.creds);
    for (const client::KeyEntry& key : page.keys) check.AddKey(key);
    return absl::OkStatus();
  });
  if (!loaded.ok() && !absl::IsDataLoss(loaded)) return loaded;
  SessionReport report = std::move(check).Finish();
  if (!loaded.ok()) {
    report.state = SessionState::kDamaged;
    report.findings = {{"UNREADABLE", Printable(loaded.message())}};
  }
  return report;
}

// The ids of keys are addresses, most of them with a phone number.
std::string IdText(const CheckOptions& options, const std::string& id) {
  return options.show_ids ? Printable(id) : HidePhoneNumbers(Printable(id));
}

Json ToJson(const CheckOptions& options, const client::SessionSummary& session, const SessionReport& report) {
  Json types = Json::array();
  for (const auto& [type, size] : report.types) {
    types.push_back({{"type", type}, {"count", size.count}, {"bytes", size.bytes}});
  }
  Json largest = Json::array();
  for (const LargeValue& value : report.largest) {
    largest.push_back({{"type", value.name.type}, {"id", IdText(options, value.name.id)}, {"bytes", value.bytes}});
  }
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"reason", finding.reason}, {"message", finding.message}, {"wrong", finding.wrong}});
  }
  return {{"session_id", session.session_id},
          {"state", NameOf(report.state)},
          {"wrong", report.wrong()},
          {"findings", findings},
          {"revision", session.revision},
          {"update_time", TimeText(session.update_time)},
          {"lease", LeaseJson(session.lease)},
          {"creds_bytes", report.creds_bytes.has_value() ? Json(*report.creds_bytes) : Json()},
          {"keys", types},
          {"largest", largest}};
}

std::string Line(const client::SessionSummary& session, const SessionReport& report) {
  std::uint64_t keys = 0;
  std::uint64_t bytes = report.creds_bytes.value_or(0);
  for (const auto& [type, size] : report.types) {
    keys += size.count;
    bytes += size.bytes;
  }
  std::string line =
      absl::StrCat(session.session_id, ": ", NameOf(report.state), ", ", Count(keys, "key"), ", ", bytes,
                   " bytes, written ", TimeText(session.update_time), ", owner ", OwnerText(session.lease), "\n");
  for (const Finding& finding : report.findings) {
    absl::StrAppend(&line, finding.wrong ? "  wrong: " : "  note: ", finding.message, "\n");
  }
  return line;
}

// What one session has, type by type.
std::string Inventory(const CheckOptions& options, const SessionReport& report) {
  std::vector<std::vector<std::string>> rows{{"  TYPE", "KEYS", "BYTES"}};
  for (const auto& [type, size] : report.types) {
    rows.push_back({absl::StrCat("  ", Printable(type)), absl::StrCat(size.count), absl::StrCat(size.bytes)});
  }
  std::string text = Table(rows);
  for (const LargeValue& value : report.largest) {
    absl::StrAppend(&text, "  large: ", Printable(value.name.type), " ", IdText(options, value.name.id), ", ",
                    value.bytes, " bytes\n");
  }
  return text;
}

struct Checked {
  std::uint64_t sessions = 0;
  std::uint64_t wrong = 0;
  // What --json shows, once all are checked.
  Json reports = Json::array();
};

absl::Status CheckOne(CommandContext& context, const CheckOptions& options, const client::SessionSummary& session,
                      Checked* checked) {
  const absl::StatusOr<SessionReport> report = Check(context.client(), session.session_id);
  // It was deleted since it was listed.
  if (options.all && absl::IsNotFound(report.status())) return absl::OkStatus();
  if (!report.ok()) return report.status();
  ++checked->sessions;
  if (report->wrong()) ++checked->wrong;
  if (context.output().json()) {
    checked->reports.push_back(ToJson(options, session, *report));
    return absl::OkStatus();
  }
  return context.output().Write(absl::StrCat(Line(session, *report), options.all ? "" : Inventory(options, *report)));
}

absl::Status CheckAll(CommandContext& context, const CheckOptions& options, const SignalWatcher& signals,
                      Checked* checked) {
  Progress progress(context.output().json());
  client::SessionFilter filter;
  filter.prefix = options.prefix;
  return context.client()
      .ListSessions(filter,
                    [&](const client::SessionSummary& session) {
                      progress.Show("sessions checked:", checked->sessions, 0);
                      absl::Status status = CheckOne(context, options, session, checked);
                      return status.ok() ? signals.Check() : status;
                    })
      .status();
}

absl::Status CheckNamed(CommandContext& context, const CheckOptions& options, Checked* checked) {
  const auto session = FindSession(context.client(), options.session_id);
  if (!session.ok()) return session.status();
  if (session->has_value()) return CheckOne(context, options, **session, checked);
  return absl::NotFoundError(absl::StrCat("session ", options.session_id, " does not exist"));
}

absl::Status CheckSessions(CommandContext& context, const CheckOptions& options) {
  if (options.all == !options.session_id.empty()) {
    return absl::InvalidArgumentError("name a SESSION, or say --all");
  }
  SignalWatcher signals;
  client::Client& client = context.client();
  signals.Start([&client] { client.Cancel(); });
  Checked checked;
  absl::Status done =
      options.all ? CheckAll(context, options, signals, &checked) : CheckNamed(context, options, &checked);
  if (!done.ok()) return done;
  if (context.output().json()) {
    absl::Status written = context.output().WriteJson({{"sessions", checked.reports}, {"wrong", checked.wrong}});
    if (!written.ok()) return written;
  }
  if (checked.wrong == 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("something is wrong with ", Count(checked.wrong, "session"), " of ", checked.sessions));
}

}  // namespace

Command SessionCheckCommand(Action* action) {
  const auto options = std::make_shared<CheckOptions>();
  Option session = Text("SESSION", &options->session_id, "The session's id");
  session.excludes = "--all";
  return Leaf("check", "Tell whether Baileys can go on with a session; exits with 6 where something is wrong", options,
              {session, Flag("-a,--all", &options->all, "Every session"), Prefix(&options->prefix),
               Flag("--show-ids", &options->show_ids, "Show the ids of keys whole: they hold phone numbers")},
              CheckSessions, action);
}

}  // namespace authstate::cli
