#include "migrations/decommission/quietness.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"

namespace authstate::decommission {
namespace {

// So much later than it has asked, what a session that stays asked may reach the statistics.
constexpr absl::Duration kCountedLater = absl::Seconds(10);

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

bool FellTo(const TableCounters& before, const TableCounters& after) {
  return after.table_scans < before.table_scans || after.index_scans < before.index_scans ||
         after.inserted < before.inserted || after.updated < before.updated || after.deleted < before.deleted;
}

// Why what was counted at `before` is no beginning for `after`; nullopt: it is one.
std::optional<BegunAnew> WhyNotComparable(const Sample& before, const Sample& after) {
  if (after.database != before.database) {
    return BegunAnew{after.at, WhyAnew::kOtherDatabase, "another database answers than before"};
  }
  bool fell = after.sessions_made < before.sessions_made || after.statistics_since != before.statistics_since;
  for (const auto& [name, count] : before.totals) {
    const auto now = after.totals.find(name);
    fell = fell || now == after.totals.end() || now->second < count;
  }
  for (const auto& [name, counters] : *before.tables) {
    if (before.tables == after.tables) break;
    const auto now = after.tables->find(name);
    // One that was made anew begins at nothing, and is told as asked.
    fell = fell || (now != after.tables->end() && now->second.file == counters.file && FellTo(counters, now->second));
  }
  if (!fell) return std::nullopt;
  if (after.server_started == before.server_started) {
    return BegunAnew{after.at, WhyAnew::kReset, "the statistics were reset"};
  }
  return BegunAnew{
      after.at, WhyAnew::kLost,
      absl::StrCat("the server was started at ", TimeText(after.server_started), " and has lost its statistics")};
}

AskedTable Difference(std::string name, const TableCounters& before, const TableCounters& after) {
  return {std::move(name),
          after.table_scans - before.table_scans + after.index_scans - before.index_scans,
          after.inserted - before.inserted,
          after.updated - before.updated,
          after.deleted - before.deleted,
          ""};
}

std::vector<AskedTable> AskedTables(const Sample& before, const Sample& after, const Terms& terms) {
  std::vector<AskedTable> asked;
  // Nothing changed: they are one.
  if (before.tables == after.tables) return asked;
  const auto ignored = [&](const auto& table) {
    return absl::c_linear_search(terms.ignored_schemas, table.first.first);
  };
  const auto name_of = [](const auto& table) { return absl::StrCat(table.first.first, ".", table.first.second); };
  for (const auto& table : *after.tables) {
    if (ignored(table)) continue;
    const auto found = before.tables->find(table.first);
    const bool made = found == before.tables->end();
    const bool rewritten = !made && found->second.file != table.second.file;
    const TableCounters none;
    const bool anew = made || (rewritten && FellTo(found->second, table.second));
    AskedTable difference = Difference(name_of(table), anew ? none : found->second, table.second);
    difference.change = made ? "made" : rewritten ? "rewritten" : "";
    const bool counted =
        difference.reads != 0 || difference.inserted != 0 || difference.updated != 0 || difference.deleted != 0;
    if (counted || !difference.change.empty()) asked.push_back(std::move(difference));
  }
  for (const auto& table : *before.tables) {
    if (ignored(table) || after.tables->count(table.first) != 0) continue;
    asked.push_back({name_of(table), 0, 0, 0, 0, "dropped"});
  }
  absl::c_sort(asked, [](const AskedTable& a, const AskedTable& b) { return a.name < b.name; });
  return asked;
}

bool MayConnect(const Clients& clients, const Terms& terms) {
  return absl::c_any_of(terms.may_connect, [&](const std::string& allowed) {
    return allowed == clients.role || allowed == absl::StrCat(clients.role, "/", clients.application);
  });
}

// `before` is nullptr for the first sample.
std::vector<Client> AskingClients(const Sample* before, const Sample& after, bool tables_asked, const Terms& terms) {
  std::vector<Client> asking;
  for (const Clients& clients : after.clients) {
    const bool active = before == nullptr || clients.last_active > before->database_time - kCountedLater;
    if (MayConnect(clients, terms) && !(tables_asked && active)) continue;
    asking.push_back({clients, active});
  }
  return asking;
}

bool SameAskers(const Asked& one, const Asked& other) {
  return absl::c_equal(one.tables, other.tables,
                       [](const AskedTable& a, const AskedTable& b) { return a.name == b.name; }) &&
         absl::c_equal(one.clients, other.clients, [](const Client& a, const Client& b) {
           return a.active == b.active && a.sessions.role == b.sessions.role &&
                  a.sessions.application == b.sessions.application && a.sessions.address == b.sessions.address;
         });
}

void Add(Asked asked, std::vector<Asked>* all) {
  if (all->empty() || all->back().until != asked.after || !SameAskers(all->back(), asked)) {
    all->push_back(std::move(asked));
    return;
  }
  Asked& last = all->back();
  last.until = asked.until;
  last.clients = std::move(asked.clients);
  for (std::size_t i = 0; i < last.tables.size(); ++i) {
    AskedTable& sum = last.tables[i];
    AskedTable& more = asked.tables[i];
    sum.reads += more.reads;
    sum.inserted += more.inserted;
    sum.updated += more.updated;
    sum.deleted += more.deleted;
    if (!more.change.empty()) sum.change = std::move(more.change);
  }
}

}  // namespace

absl::string_view NameOf(WhyAnew why) {
  switch (why) {
    case WhyAnew::kFirstSample:
      return "first_sample";
    case WhyAnew::kGap:
      return "gap";
    case WhyAnew::kReset:
      return "reset";
    case WhyAnew::kLost:
      return "lost";
    case WhyAnew::kOtherDatabase:
      return "other_database";
    case WhyAnew::kSilence:
      break;
  }
  return "silence";
}

absl::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kQuiet:
      return "quiet";
    case Verdict::kAsked:
      return "asked";
    case Verdict::kUnknown:
      break;
  }
  return "unknown";
}

Quietness Judge(const std::vector<Sample>& samples, const Terms& terms, absl::Time now) {
  Quietness result;
  result.samples = samples.size();
  if (samples.empty()) return result;
  const Sample* before = nullptr;
  const Sample* quiet_from = nullptr;
  std::int64_t quiet_samples = 0;
  for (const Sample& sample : samples) {
    std::optional<BegunAnew> anew;
    if (before == nullptr) {
      anew = BegunAnew{sample.at, WhyAnew::kFirstSample, "the first sample"};
    } else {
      anew = WhyNotComparable(*before, sample);
    }
    std::vector<AskedTable> tables;
    if (!anew.has_value()) tables = AskedTables(*before, sample, terms);
    if (!anew.has_value() && sample.at - before->at > terms.max_gap) {
      anew = BegunAnew{sample.at, WhyAnew::kGap, absl::StrCat("no sample since ", TimeText(before->at))};
    }
    std::vector<Client> clients = AskingClients(before, sample, !tables.empty(), terms);
    ++quiet_samples;
    if (anew.has_value() || !tables.empty() || !clients.empty()) {
      quiet_from = &sample;
      quiet_samples = 0;
    }
    if (anew.has_value()) result.begun_anew.push_back(*std::move(anew));
    if (!tables.empty() || !clients.empty()) {
      for (const Client& client : clients) result.roles.insert(client.sessions.role);
      const absl::Time after = before == nullptr ? sample.at : before->at;
      Add({after, sample.at, std::move(tables), std::move(clients)}, &result.asked);
    }
    before = &sample;
  }
  const Sample& last = samples.back();
  result.last = last.at;
  result.since = quiet_from->at;
  result.sessions_since =
      std::max<std::int64_t>(0, last.sessions_made - quiet_from->sessions_made - quiet_samples * kSessionsOfASample);
  // Also of one from later than now: then a clock is wrong.
  const bool silent = absl::AbsDuration(now - last.at) > terms.max_gap;
  if (silent)
    result.begun_anew.push_back({now, WhyAnew::kSilence, absl::StrCat("no sample since ", TimeText(last.at))});
  const bool asked = !result.asked.empty() && result.asked.back().until > now - terms.needed;
  const bool long_enough = !silent && last.at - quiet_from->at >= terms.needed;
  result.verdict = asked ? Verdict::kAsked : long_enough ? Verdict::kQuiet : Verdict::kUnknown;
  return result;
}

}  // namespace authstate::decommission
