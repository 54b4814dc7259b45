#include "client/cli/status/status_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

constexpr absl::Duration kStaleBackup = absl::Hours(26);
// A week, and a day for who tries one every week.
constexpr absl::Duration kStaleDrill = absl::Hours(8 * 24);
constexpr double kLagWorthALook = 60;
constexpr absl::Duration kCertificateEnds = absl::Hours(14 * 24);
constexpr absl::string_view kWrongStates[] = {"half-paired", "code-requested", "orphaned", "damaged"};

// A member of `object`, at any depth; null where it is not there.
const Json& At(const Json& object, std::initializer_list<const char*> path) {
  static const Json* const none = new Json(nullptr);
  const Json* at = &object;
  for (const char* const name : path) {
    if (!at->is_object() || !at->contains(name)) return *none;
    at = &at->at(name);
  }
  return *at;
}

double Number(const Json& value) { return value.is_number() ? value.get<double>() : 0; }
bool IsTrue(const Json& value) { return value.is_boolean() && value.get<bool>(); }
std::string Text(const Json& value) { return value.is_string() ? Printable(value.get<std::string>()) : ""; }
std::string Or(std::string text, absl::string_view otherwise) { return text.empty() ? std::string(otherwise) : text; }

std::string Whole(const Json& value) { return absl::StrCat(static_cast<std::int64_t>(std::llround(Number(value)))); }

std::string Counted(const Json& value, absl::string_view noun) {
  return Count(static_cast<std::uint64_t>(std::max(0.0, Number(value))), noun);
}

std::string Span(absl::Duration span) {
  const std::int64_t seconds = absl::ToInt64Seconds(span);
  if (seconds < 120) return absl::StrCat(seconds, " s");
  const auto rounded = [seconds](std::int64_t unit) { return (seconds + unit / 2) / unit; };
  if (seconds < 2 * 3'600) return absl::StrCat(rounded(60), " min");
  if (seconds < 2 * 86'400) return absl::StrCat(rounded(3'600), " h");
  return absl::StrCat(rounded(86'400), " days");
}

std::string Bytes(double bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1'024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1'024;
  return absl::StrFormat(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
}

std::string Milliseconds(const Json& value) {
  const double ms = Number(value);
  if (ms >= 1'000) return absl::StrFormat("%.3g s", ms / 1'000);
  return absl::StrFormat(ms >= 100 ? "%.0f ms" : "%.2g ms", ms);
}

std::optional<absl::Time> Time(const Json& value) {
  absl::Time time;
  const std::string text = Text(value);
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return std::nullopt;
  return time;
}

// Writes the groups one after another. What a server tells of the past is told by its own clock.
class Groups {
 public:
  explicit Groups(const Json& status)
      : status_(status), now_(Time(At(status, {"now"})).value_or(absl::InfinitePast())) {}

  std::vector<StatusGroup> Take() && {
    Store();
    Sessions();
    Backup();
    Safety();
    WriteBehind();
    Others();
    Leases();
    Callers();
    return std::move(groups_);
  }

 private:
  void Begin(std::string title) { groups_.push_back({std::move(title), {}}); }
  void Add(std::string name, std::string text, bool look = false) {
    groups_.back().rows.push_back({std::move(name), std::move(text), look});
  }

  std::string Ago(absl::Time time) const {
    return time <= now_ ? absl::StrCat(Span(now_ - time), " ago") : absl::StrCat("in ", Span(time - now_));
  }
  std::string Ago(const Json& value, absl::string_view otherwise) const {
    const std::optional<absl::Time> time = Time(value);
    return time.has_value() ? Ago(*time) : std::string(otherwise);
  }

  void Store() {
    Begin("Database");
    for (const Json& store : At(status_, {"backends"})) {
      if (!IsTrue(At(store, {"serving"}))) continue;
      Add("name", Text(At(store, {"name"})));
      Add("place", Or(Text(At(store, {"location"})), "not opened yet"));
      Add("layout", Or(Text(At(store, {"layout"})), "its own"));
      const bool is_file = Text(At(store, {"kind"})) == "sqlite";
      Add("TLS", Or(Text(At(store, {"tls"})), is_file ? "a file of this machine" : "none"));
      Add("pooler", Or(Text(At(store, {"pooler"})), "none"));
      const bool answers = IsTrue(At(status_, {"database", "answers"}));
      Add("answers", answers ? "yes" : "no", !answers);
      Add("connections", Whole(At(store, {"connections"})));
      Add("calls", absl::StrCat(Whole(At(store, {"calls_at_work"})), " at work, ", Whole(At(store, {"calls_waiting"})),
                                " waiting"));
      const Json& minute = At(store, {"last_minute"});
      Add("last minute", absl::StrCat(Counted(At(minute, {"statements"}), "statement"), ", ",
                                      Counted(At(minute, {"errors"}), "error")));
      Add("p50 p95 p99",
          absl::StrCat(Milliseconds(At(minute, {"median_ms"})), ", ", Milliseconds(At(minute, {"p95_ms"})), ", ",
                       Milliseconds(At(minute, {"p99_ms"}))));
      std::vector<std::string> errors;
      for (const auto& [name, number] : At(store, {"errors_by_class"}).items()) {
        errors.push_back(absl::StrCat(Printable(name), " ", Whole(number)));
      }
      Add("errors", errors.empty() ? "none" : absl::StrJoin(errors, ", "));
    }
    if (groups_.back().rows.empty()) Add("serves", "none", true);
  }

  void Sessions() {
    Begin("Sessions");
    const Json& sessions = At(status_, {"sessions"});
    if (!sessions.is_object()) return Add("counted", "not yet");
    const double with_creds = Number(At(sessions, {"sessions"})) - Number(At(sessions, {"without_creds"}));
    const double looked_at = Number(At(sessions, {"states_of"}));
    Add("in the store", Whole(At(sessions, {"sessions"})));
    for (const auto& [state, number] : At(sessions, {"states"}).items()) {
      // Where a store has many sessions, the creds of some are looked at.
      const bool all = state == "orphaned" || Number(number) == 0 || looked_at >= with_creds;
      const Json shown = all ? number : Json(Number(number) / looked_at * with_creds);
      const bool wrong = std::find(std::begin(kWrongStates), std::end(kWrongStates), state) != std::end(kWrongStates);
      Add(Printable(state), absl::StrCat(all ? "" : "about ", Whole(shown)), wrong && Number(number) > 0);
    }
    Add("idle for a week", Whole(At(sessions, {"idle"})));
    Add("keys", Whole(At(sessions, {"keys"})));
    Add("stored", Bytes(Number(At(sessions, {"bytes"}))));
    Add("counted", Ago(At(sessions, {"listed"}), "not yet"));
  }

  void Callers() {
    Begin("Callers");
    Add("transport", Text(At(status_, {"transport"})));
    Add("access", Text(At(status_, {"access"})));
    Add("streams", Whole(At(status_, {"pipes", "streams"})));
    Add("open sessions", Whole(At(status_, {"pipes", "channels"})));
    Add("held for them", Bytes(Number(At(status_, {"pipes", "bytes"}))));
    Add("calls under way", Whole(At(status_, {"calls", "under_way"})));
    Add("refused", Whole(At(status_, {"calls", "refused_callers"})));
    for (const auto& [code, number] : At(status_, {"calls", "ended"}).items()) {
      Add(Printable(code), Whole(number), code == "DATA_LOSS");
    }
  }

  void Leases() {
    Begin("Leases");
    const Json& sessions = At(status_, {"sessions"});
    Add("held", sessions.is_object() ? Whole(At(sessions, {"leased"})) : "not counted yet");
    for (const auto& [event, number] : At(status_, {"leases"}).items()) Add(Printable(event), Whole(number));
  }

  void Others() {
    Begin("Other databases");
    for (const Json& store : At(status_, {"backends"})) {
      if (IsTrue(At(store, {"serving"}))) continue;
      const std::optional<absl::Time> asked = Time(At(store, {"last_asked"}));
      Add(Text(At(store, {"name"})), asked.has_value() ? absl::StrCat("asked ", Ago(*asked)) : "not asked");
    }
    if (groups_.back().rows.empty()) Add("configured", "none");
  }

  void Backup() {
    Begin("Backup");
    const Json& backup = At(status_, {"backup"});
    if (!backup.is_object()) return Add("told", "no: give authstated --backup-metrics");
    const auto time = [&backup](const char* name) -> std::optional<absl::Time> {
      const Json& value = At(backup, {name});
      if (!value.is_number()) return std::nullopt;
      return absl::UnixEpoch() + absl::Seconds(Number(value));
    };
    const auto made = time("last_success_timestamp_seconds");
    Add("last one", made.has_value() ? Ago(*made) : "none known", !made.has_value() || now_ - *made >= kStaleBackup);
    if (made.has_value()) {
      Add("sessions in it", Whole(At(backup, {"last_sessions"})));
      Add("it lacks", Whole(At(backup, {"last_unread_sessions"})), Number(At(backup, {"last_unread_sessions"})) > 0);
    }
    const auto tried = time("drill_last_success_timestamp_seconds");
    Add("restored", tried.has_value() ? absl::StrCat("on trial ", Ago(*tried)) : "on trial: never, as far as known",
        !tried.has_value() || now_ - *tried >= kStaleDrill);
    if (backup.contains("error")) Add("figures", Text(At(backup, {"error"})), true);
  }

  void Safety() {
    Begin("Safety");
    const Json& maintenance = At(status_, {"maintenance"});
    Add("maintenance",
        maintenance.is_object()
            ? absl::StrCat("since ", Ago(At(maintenance, {"since"}), "?"), ": ", Text(At(maintenance, {"reason"})))
            : "none",
        maintenance.is_object());
    if (maintenance.is_object()) {
      Add("held calls", Whole(At(maintenance, {"held"})));
      Add("refused calls", Whole(At(maintenance, {"refused"})));
    }
    const std::string key = Text(At(status_, {"encryption", "active_key"}));
    Add("encryption", key.empty() ? "off for new sessions" : absl::StrCat("on, key ", key));
    const Json& audit = At(status_, {"audit"});
    const bool failing = IsTrue(At(audit, {"failing"}));
    Add("audit log", !audit.is_object() ? "off" : failing ? "cannot be written" : "is written", failing);
    if (audit.is_object()) {
      Add("records lost", Whole(At(audit, {"lost"})), Number(At(audit, {"lost"})) > 0);
    }
    const auto expires = Time(At(status_, {"certificate", "expires"}));
    Add("certificate", expires.has_value() ? absl::StrCat("expires ", Ago(*expires)) : "none",
        expires.has_value() && *expires - now_ < kCertificateEnds);
  }

  void WriteBehind() {
    Begin("Write-behind");
    const Json& behind = At(status_, {"write_behind"});
    if (!behind.is_object()) return Add("lag", "none: every commit is in the database");
    const bool away = behind.contains("away_since");
    Add("database", away ? absl::StrCat("away since ", Ago(At(behind, {"away_since"}), "?")) : "answers", away);
    Add("lag",
        absl::StrCat(Span(absl::Seconds(Number(At(behind, {"lag_seconds"})))), " of ",
                     Span(absl::Seconds(Number(At(behind, {"max_lag_seconds"}))))),
        Number(At(behind, {"lag_seconds"})) > kLagWorthALook);
    Add("to be flushed", absl::StrCat(Counted(At(behind, {"commits"}), "commit"), " of ",
                                      Counted(At(behind, {"dirty_sessions"}), "session")));
    Add("bytes", absl::StrCat(Bytes(Number(At(behind, {"bytes"}))), " of ", Bytes(Number(At(behind, {"max_bytes"})))));
    Add("at home here", Counted(At(behind, {"sessions"}), "session"));
    Add("kept aside", Whole(At(behind, {"orphans"})), Number(At(behind, {"orphans"})) > 0);
  }

  const Json& status_;
  const absl::Time now_;
  std::vector<StatusGroup> groups_;
};

}  // namespace

std::string TextOf(const Json& status, const char* name) { return Text(At(status, {name})); }

StatusRow VerdictOf(const Json& status) {
  const std::string since = Text(At(status, {"database", "since"}));
  if (IsTrue(At(status, {"ready"}))) return {"serving", absl::StrCat("since ", since)};
  std::vector<std::string> reasons;
  for (const Json& reason : At(status, {"reasons"})) {
    reasons.push_back(absl::StrCat(Text(At(reason, {"reason"})), ": ", Text(At(reason, {"message"}))));
  }
  return {"NOT serving", absl::StrJoin(reasons, "; "), true};
}

std::vector<StatusGroup> StatusGroups(const Json& status) { return Groups(status).Take(); }

std::vector<StatusPlot> StatusPlots(const Json& status) {
  const Json& history = At(status, {"history"});
  const double step = std::max(1.0, Number(At(history, {"step_seconds"})));
  const auto per_second = [step](double number) { return absl::StrFormat("%.3g/s", number / step); };
  const auto latency = [](double number) { return Milliseconds(number); };
  std::vector<StatusPlot> plots;
  const auto add = [&](const char* name, const char* of, auto text) {
    const Json& values = At(history, {of});
    double most = 0;
    for (const Json& value : values) most = std::max(most, Number(value));
    const Json last = values.empty() ? Json(nullptr) : values.back();
    plots.push_back({name, values, absl::StrCat(last.is_null() ? "-" : text(Number(last)), ", at most ", text(most))});
  };
  add("p50", "p50_ms", latency);
  add("p95", "p95_ms", latency);
  add("p99", "p99_ms", latency);
  add("requests", "requests", per_second);
  add("failures", "failures", per_second);
  return plots;
}

std::string Bars(const Json& values, std::size_t columns) {
  constexpr const char* kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr double kHighest = std::size(kHeights) - 1;
  double most = 0;
  const std::size_t first = values.size() > columns ? values.size() - columns : 0;
  for (std::size_t i = first; i < values.size(); ++i) most = std::max(most, Number(values[i]));
  std::string bars;
  for (std::size_t i = first; i < values.size(); ++i) {
    const double height = most == 0 ? 0 : std::ceil(Number(values[i]) / most * kHighest);
    bars += values[i].is_null() ? " " : kHeights[static_cast<std::size_t>(height)];
  }
  return bars;
}

}  // namespace authstate::cli
