#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/lease_text.h"
#include "client/cli/terminal/text.h"
#include "contract/session_state.h"

namespace authstate::cli {
namespace {

enum class Sort : std::uint8_t { kId, kSize, kAge };

struct ListOptions {
  std::string prefix;
  std::optional<absl::Duration> stale;
  bool no_creds = false;
  std::vector<std::string> states;
  Sort sort = Sort::kId;
  bool all_columns = false;
  bool quiet = false;
};

// What is asked of the server: states and sizes have a price.
absl::StatusOr<client::SessionFilter> FilterOf(const ListOptions& options) {
  client::SessionFilter filter;
  filter.prefix = options.prefix;
  filter.unwritten_for = options.stale;
  if (options.no_creds) filter.has_creds = false;
  for (const std::string& name : options.states) {
    const std::optional<SessionState> state = SessionStateNamed(name);
    if (!state.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--state: one of ",
                       absl::StrJoin(kSessionStates, ", ",
                                     [](std::string* out, SessionState known) { absl::StrAppend(out, NameOf(known)); }),
                       " is expected"));
    }
    filter.states.push_back(*state);
  }
  filter.with_size = options.all_columns || options.sort == Sort::kSize;
  filter.with_state = options.all_columns;
  return filter;
}

std::string StateText(const client::SessionSummary& session) {
  return session.state.has_value() ? std::string(NameOf(*session.state)) : "?";
}

// By this machine's clock, which may be off that of the database.
std::string AgeText(absl::Time since) {
  const absl::Duration age = std::max(absl::Now() - since, absl::ZeroDuration());
  if (age >= absl::Hours(48)) return absl::StrCat(age / absl::Hours(24), "d");
  if (age >= absl::Hours(2)) return absl::StrCat(age / absl::Hours(1), "h");
  if (age >= absl::Minutes(2)) return absl::StrCat(age / absl::Minutes(1), "m");
  return absl::StrCat(age / absl::Seconds(1), "s");
}

Json ToJson(const client::SessionSummary& session, const client::SessionFilter& filter) {
  Json json{{"session_id", session.session_id},
            {"revision", session.revision},
            {"has_creds", session.has_creds},
            {"key_count", session.key_count},
            {"update_time", TimeText(session.update_time)},
            {"lease", LeaseJson(session.lease)}};
  if (filter.with_size) json["stored_bytes"] = session.stored_bytes;
  if (session.state.has_value()) json["state"] = std::string(NameOf(*session.state));
  return json;
}

std::string TableOf(const std::vector<client::SessionSummary>& sessions, const ListOptions& options,
                    const client::SessionFilter& filter) {
  const bool states = filter.with_state || !filter.states.empty();
  const bool ages = options.all_columns || options.sort == Sort::kAge || options.stale.has_value();
  // A row, or the head of the table.
  const auto row = [&](std::vector<std::string> cells, std::string state, std::string size, std::string age,
                       std::string owner) {
    if (states) cells.push_back(std::move(state));
    if (filter.with_size) cells.push_back(std::move(size));
    if (ages) cells.push_back(std::move(age));
    cells.push_back(std::move(owner));
    return cells;
  };
  std::vector<std::vector<std::string>> rows{
      row({"SESSION", "REVISION", "CREDS", "KEYS", "UPDATED"}, "STATE", "SIZE", "AGE", "OWNER")};
  for (const client::SessionSummary& session : sessions) {
    rows.push_back(row({session.session_id, absl::StrCat(session.revision), session.has_creds ? "yes" : "no",
                        absl::StrCat(session.key_count), TimeText(session.update_time)},
                       StateText(session), absl::StrCat(session.stored_bytes), AgeText(session.update_time),
                       OwnerText(session.lease)));
  }
  return Table(rows);
}

void WarnOfUnaddressable(const Output& output, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  output.Warn(absl::StrCat(
      Count(ids.size(), "session"),
      " of the legacy tables not listed, for their ids are not 1 to 128 bytes of "
      "[A-Za-z0-9._:@-] and no command can name them: ",
      absl::StrJoin(ids, ", "),
      "; give them another company_id in whatsapp_auth and whatsapp_keys, with the program that uses them stopped"));
}

// The largest, or those not written for longest, come first; the server's order is that of ids.
void SortBy(Sort sort, std::vector<client::SessionSummary>* sessions) {
  if (sort == Sort::kId) return;
  std::stable_sort(sessions->begin(), sessions->end(),
                   [sort](const client::SessionSummary& a, const client::SessionSummary& b) {
                     return sort == Sort::kSize ? a.stored_bytes > b.stored_bytes : a.update_time < b.update_time;
                   });
}

absl::Status ListSessions(CommandContext& context, const ListOptions& options) {
  const absl::StatusOr<client::SessionFilter> filter = FilterOf(options);
  if (!filter.ok()) return filter.status();
  Output& output = context.output();
  std::vector<client::SessionSummary> sessions;
  const auto listing = context.client().ListSessions(*filter, [&](client::SessionSummary session) -> absl::Status {
    sessions.push_back(std::move(session));
    return absl::OkStatus();
  });
  if (!listing.ok()) return listing.status();
  SortBy(options.sort, &sessions);
  WarnOfUnaddressable(output, listing->unaddressable_ids);
  if (output.json()) {
    Json all = Json::array();
    for (const client::SessionSummary& session : sessions) all.push_back(ToJson(session, *filter));
    return output.WriteJson({{"sessions", all}, {"unaddressable_ids", listing->unaddressable_ids}});
  }
  if (!options.quiet) return output.Write(TableOf(sessions, options, *filter));
  absl::Status written;
  for (const client::SessionSummary& session : sessions) {
    if (written.ok()) written = output.WriteLine(session.session_id);
  }
  return written;
}

}  // namespace

Command SessionList(Action* action) {
  const auto options = std::make_shared<ListOptions>();
  Command command = Leaf(
      "list", "List sessions", options,
      {Prefix(&options->prefix), Age("--stale", &options->stale, "Only sessions that were not written for so long"),
       Flag("--no-creds", &options->no_creds, "Only sessions without creds"),
       profiles::List("--state", &options->states,
                      "Only sessions in these states: paired, unpaired, code-requested, half-paired, orphaned, damaged",
                      ','),
       profiles::Choice<Sort>("--sort", &options->sort, {{"id", Sort::kId}, {"size", Sort::kSize}, {"age", Sort::kAge}},
                              "The largest first, or those not written for longest"),
       Flag("-l,--long", &options->all_columns, "Also states, sizes and ages: the server reads all creds for them"),
       Flag("-q,--quiet", &options->quiet, "Print ids alone, one a line")},
      ListSessions, action);
  command.footer =
      "The server filters; the order of --sort is made here. A size is that of creds and values as they are stored, "
      "compressed.\nStates are told from creds alone: session check looks closer.";
  return command;
}

}  // namespace authstate::cli
