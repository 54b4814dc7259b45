#include "client/cli/commands/decommission_report.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/terminal/text.h"
#include "migrations/tables/sql_text.h"

namespace authstate::cli {
namespace {

using decommission::Asked;
using decommission::AskedTable;
using decommission::Client;
using decommission::Quietness;
using decommission::Verdict;

constexpr absl::Duration kDay = absl::Hours(24);

// How many come before the last ones, which are listed.
template <typename T>
std::size_t Unlisted(const std::vector<T>& all, std::size_t listed) {
  return all.size() - std::min(all.size(), listed);
}

std::string AddressOf(const decommission::Clients& clients) {
  return clients.address.empty() ? "its own machine" : clients.address;
}

std::string TableText(const AskedTable& table) {
  std::vector<std::string> asked;
  for (const auto& [count, noun] : {std::pair(table.reads, "read"), std::pair(table.inserted, "insert"),
                                    std::pair(table.updated, "update"), std::pair(table.deleted, "delete")}) {
    if (count != 0) asked.push_back(Count(static_cast<std::uint64_t>(count), noun));
  }
  if (!table.change.empty()) asked.push_back(table.change);
  return absl::StrCat(Printable(table.name), ": ", absl::StrJoin(asked, ", "));
}

std::string ClientText(const Client& client) {
  const decommission::Clients& sessions = client.sessions;
  return absl::StrCat(client.active ? "active: " : "connected: ", Printable(sessions.role), " as \"",
                      Printable(sessions.application), "\" from ", AddressOf(sessions), ", ",
                      Count(static_cast<std::uint64_t>(sessions.sessions), "session"), ", last active ",
                      TimeText(sessions.last_active));
}

// Whether somebody asked tables of whom no sample saw anything.
bool SomebodyUnseen(const Asked& asked) {
  return !asked.tables.empty() &&
         std::none_of(asked.clients.begin(), asked.clients.end(), [](const Client& client) { return client.active; });
}

std::string AskedText(const Asked& asked) {
  std::string text = absl::StrCat("asked from ", TimeText(asked.after), " to ", TimeText(asked.until), "\n");
  for (const AskedTable& table : asked.tables) absl::StrAppend(&text, "  ", TableText(table), "\n");
  for (const Client& client : asked.clients) absl::StrAppend(&text, "  ", ClientText(client), "\n");
  if (SomebodyUnseen(asked)) text += "  by whom is unknown: they came and went between two samples\n";
  return text;
}

Json ToJson(const Asked& asked) {
  Json tables = Json::array();
  for (const AskedTable& table : asked.tables) {
    tables.push_back({{"table", table.name},
                      {"reads", table.reads},
                      {"inserted", table.inserted},
                      {"updated", table.updated},
                      {"deleted", table.deleted},
                      {"change", table.change}});
  }
  Json clients = Json::array();
  for (const Client& client : asked.clients) {
    clients.push_back({{"role", client.sessions.role},
                       {"application", client.sessions.application},
                       {"address", client.sessions.address},
                       {"sessions", client.sessions.sessions},
                       {"active", client.active},
                       {"last_active", TimeText(client.sessions.last_active)}});
  }
  return {{"after", TimeText(asked.after)},
          {"until", TimeText(asked.until)},
          {"tables", std::move(tables)},
          {"clients", std::move(clients)},
          {"somebody_unseen", SomebodyUnseen(asked)}};
}

// The statements that take the right to log in from who was seen, or give it back.
std::vector<std::string> LoginStatements(const Quietness& quietness, absl::string_view right) {
  std::vector<std::string> statements;
  for (const std::string& role : quietness.roles) {
    statements.push_back(absl::StrCat("ALTER ROLE ", tables::QuoteName(role), " ", right, ";"));
  }
  return statements;
}

// `7d 2h 3m`.
std::string DaysText(absl::Duration duration) {
  return absl::StrCat(duration / kDay, "d ", duration % kDay / absl::Hours(1), "h ",
                      duration % absl::Hours(1) / absl::Minutes(1), "m");
}

// What to do once it is quiet.
std::string NextSteps(const Quietness& quietness, bool supabase) {
  std::string text = "next, before the contract is cancelled: nobody may log in any more\n";
  for (const std::string& line : LoginStatements(quietness, "NOLOGIN")) absl::StrAppend(&text, "  ", line, "\n");
  if (quietness.roles.empty()) {
    text += "  no client was ever seen; who may log in: SELECT rolname FROM pg_roles WHERE rolcanlogin;\n";
  } else {
    text += "back, should somebody miss it\n";
    for (const std::string& line : LoginStatements(quietness, "LOGIN")) absl::StrAppend(&text, "  ", line, "\n");
  }
  text += "then wait some days, and only then cancel the contract (docs/decommissioning.md)\n";
  if (supabase) {
    text +=
        "warning: a project of Supabase's free plan pauses after some days in which it is asked too little, and a "
        "paused one is no way back\n";
  }
  return text;
}

}  // namespace

std::string ToText(const QuietnessReport& report) {
  const Quietness& quietness = report.quietness;
  std::string text = absl::StrCat(profiles::NameOf(report.database), " is ", NameOf(quietness.verdict), "\n");
  if (!quietness.since.has_value()) return absl::StrCat(text, "there are no samples: has `decommission watch` run?\n");
  const std::size_t unlisted = Unlisted(quietness.asked, report.listed);
  if (unlisted != 0) absl::StrAppend(&text, "asked ", Count(unlisted, "time"), " before what is listed\n");
  for (std::size_t i = unlisted; i < quietness.asked.size(); ++i) text += AskedText(quietness.asked[i]);
  for (std::size_t i = Unlisted(quietness.begun_anew, report.listed); i < quietness.begun_anew.size(); ++i) {
    const decommission::BegunAnew& anew = quietness.begun_anew[i];
    absl::StrAppend(&text, "unknown before ", TimeText(anew.at), ": ", anew.what, "\n");
  }
  absl::StrAppend(&text, "quiet since ", TimeText(*quietness.since), ", for ",
                  DaysText(*quietness.last - *quietness.since), " up to the last of ",
                  Count(quietness.samples, "sample"), "; ", Count(static_cast<std::uint64_t>(report.days), "day"),
                  " needed\n");
  if (quietness.sessions_since != 0) {
    absl::StrAppend(&text, Count(static_cast<std::uint64_t>(quietness.sessions_since), "session"),
                    " made since then, which asked no table\n");
  }
  if (quietness.verdict == Verdict::kQuiet) {
    text += NextSteps(quietness, report.database == profiles::BackendChoice::kSupabase);
  }
  return text;
}

Json ToJson(const QuietnessReport& report) {
  const Quietness& quietness = report.quietness;
  const auto time = [](const std::optional<absl::Time>& known) {
    return known.has_value() ? Json(TimeText(*known)) : Json();
  };
  Json asked = Json::array();
  for (std::size_t i = Unlisted(quietness.asked, report.listed); i < quietness.asked.size(); ++i) {
    asked.push_back(ToJson(quietness.asked[i]));
  }
  Json anew = Json::array();
  for (std::size_t i = Unlisted(quietness.begun_anew, report.listed); i < quietness.begun_anew.size(); ++i) {
    const decommission::BegunAnew& begun = quietness.begun_anew[i];
    anew.push_back({{"at", TimeText(begun.at)}, {"why", std::string(NameOf(begun.why))}, {"what", begun.what}});
  }
  const bool quiet = quietness.verdict == Verdict::kQuiet;
  return {{"database", profiles::NameOf(report.database)},
          {"verdict", std::string(NameOf(quietness.verdict))},
          {"quiet_since", time(quietness.since)},
          {"last_sample", time(quietness.last)},
          {"samples", quietness.samples},
          {"needed_days", report.days},
          {"asked", std::move(asked)},
          {"asked_times", quietness.asked.size()},
          {"begun_anew", std::move(anew)},
          {"sessions_since", quietness.sessions_since},
          {"take_login", quiet ? LoginStatements(quietness, "NOLOGIN") : std::vector<std::string>()},
          {"give_login_back", quiet ? LoginStatements(quietness, "LOGIN") : std::vector<std::string>()}};
}

}  // namespace authstate::cli
