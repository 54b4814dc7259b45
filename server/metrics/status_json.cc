#include "server/metrics/status_json.h"

#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/session_state.h"
#include "contract/version.h"
#include "keyring/keyring.h"
#include "server/access/access_watch.h"
#include "server/connections/certificate_watch.h"
#include "server/log/audit_log.h"
#include "server/metrics/backup_figures.h"
#include "server/metrics/history.h"
#include "server/metrics/readiness.h"
#include "server/metrics/session_sampler.h"
#include "server/pipe/budget.h"
#include "server/rpc/guard.h"
#include "storage/backend_targets.h"

namespace authstate::server {
namespace {

// Keeps the order in which fields are given, for who reads it.
using Json = nlohmann::ordered_json;

// What is not UTF-8, as a path may be, is told as far as it is.
std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

Json Reasons(const Observed& server, absl::Time now) {
  Json reasons = Json::array();
  for (const Readiness::Reason& reason : server.readiness->Reasons(now)) {
    reasons.push_back({{"reason", reason.reason}, {"message", reason.message}});
  }
  return reasons;
}

Json Backends(const storage::BackendTargets& targets) {
  Json backends = Json::array();
  for (const storage::TargetState& target : targets.ListTargets()) {
    Json backend = {{"name", target.name}, {"serving", target.serving}};
    if (target.serving_since.has_value()) backend["serving_since"] = Text(*target.serving_since);
    if (target.description.has_value()) {
      backend["kind"] = target.description->kind;
      backend["location"] = target.description->location;
      backend["layout"] = target.description->layout;
      backend["tls"] = target.description->tls;
      backend["pooler"] = target.description->pooler;
      backend["schema_version"] = target.description->schema_version;
    }
    const storage::StatementStats::Summary& stats = target.stats;
    backend["last_asked"] = stats.last_asked.has_value() ? Json(Text(*stats.last_asked)) : Json(nullptr);
    backend["connections"] = stats.connections;
    backend["calls_waiting"] = stats.waiting;
    backend["calls_at_work"] = stats.at_work;
    backend["statements"] = stats.statements;
    backend["errors"] = stats.errors;
    backend["errors_by_class"] = stats.errors_by_class;
    const storage::StatementStats::Interval& minute = stats.last_minute;
    backend["last_minute"] = {{"statements", minute.statements},
                              {"errors", minute.errors},
                              {"median_ms", absl::ToDoubleMilliseconds(minute.p50)},
                              {"p95_ms", absl::ToDoubleMilliseconds(minute.p95)},
                              {"p99_ms", absl::ToDoubleMilliseconds(minute.p99)}};
    backends.push_back(std::move(backend));
  }
  return backends;
}

Json Maintenance(const storage::MaintenanceState& state) {
  if (!state.maintenance.has_value()) return nullptr;
  return {{"since", Text(state.maintenance->since)},
          {"reason", state.maintenance->reason},
          {"held", state.held},
          {"refused", state.refused}};
}

Json WriteBehind(const Observed& server, absl::Time now) {
  const std::optional<storage::WriteBehindState> state = server.write_behind();
  if (!state.has_value()) return nullptr;
  Json shown = {{"store_id", state->store_id}, {"sessions", state->sessions}, {"dirty_sessions", state->dirty_sessions},
                {"commits", state->commits},   {"bytes", state->bytes},       {"orphans", state->orphans}};
  shown["max_bytes"] = server.write_behind_max_bytes;
  shown["lag_seconds"] = state->oldest.has_value() ? absl::ToDoubleSeconds(now - *state->oldest) : 0;
  shown["max_lag_seconds"] = absl::ToDoubleSeconds(server.write_behind_max_age);
  if (state->oldest.has_value()) shown["oldest"] = Text(*state->oldest);
  if (state->away_since.has_value()) shown["away_since"] = Text(*state->away_since);
  return shown;
}

Json Sessions(const SessionSampler::Counts& counts) {
  // Before they were listed, nobody knows how many there are.
  if (!counts.listed.has_value()) return nullptr;
  Json states;
  for (std::size_t i = 0; i < std::size(kSessionStates); ++i) {
    // Those are known all, as they have no creds to be read.
    const bool orphaned = kSessionStates[i] == SessionState::kOrphaned;
    states[std::string(NameOf(kSessionStates[i]))] = orphaned ? counts.without_creds : counts.states.at(i);
  }
  return {{"sessions", counts.sessions},   {"without_creds", counts.without_creds},
          {"leased", counts.leased},       {"idle", counts.idle},
          {"keys", counts.keys},           {"bytes", counts.bytes},
          {"states", std::move(states)},   {"states_of", counts.looked_at},
          {"listed", Text(*counts.listed)}};
}

// How calls and operations of pipes have ended, but for codes that none has had.
Json Ended(const CallCounts& counts) {
  std::map<absl::string_view, std::uint64_t> ended;
  const auto add = [&ended](const CallCounts::ByCode& by_code) {
    for (std::size_t code = 0; code < by_code.size(); ++code) {
      if (const std::uint64_t count = by_code.at(code).load(); count > 0) ended[kCodeNames[code]] += count;
    }
  };
  for (const CallCounts::OfMethod& call : counts.methods()) add(call.ended);
  for (std::size_t i = 0; i < std::size(pipe::kOperations); ++i) add(counts.operation(i));
  Json shown = Json::object();
  for (const auto& [code, count] : ended) shown[std::string(code)] = count;
  return shown;
}

Json Calls(const Guard& guard) {
  const CallCounts& counts = *guard.counts();
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < std::size(kRefusals); ++i) refused += counts.refused(i);
  return {{"under_way", guard.load().requests}, {"ended", Ended(counts)}, {"refused_callers", refused}};
}

Json Leases(const LeaseCounts& counts) {
  return {{"gained", counts.gained.load()},
          {"stolen", counts.stolen.load()},
          {"refused", counts.refused.load()},
          {"lost", counts.lost.load()},
          {"released", counts.released.load()}};
}

Json Backup(const std::vector<std::string>& files) {
  if (files.empty()) return nullptr;
  const BackupFigures figures = ReadBackupFigures(files);
  Json shown = Json::object();
  for (const auto& [name, value] : figures.values) shown[name] = value;
  if (!figures.read.ok()) shown["error"] = std::string(figures.read.message());
  return shown;
}

Json Points(const Observed& server) {
  Json shown = {{"step_seconds", History::kStepSeconds},
                {"backend", AcknowledgingOf(server).name},
                {"requests", Json::array()},
                {"failures", Json::array()},
                {"statements", Json::array()},
                {"p50_ms", Json::array()},
                {"p95_ms", Json::array()},
                {"p99_ms", Json::array()}};
  for (const History::Point& point : server.history->points()) {
    const storage::StatementStats::Interval& statements = point.statements;
    // Where nothing was asked, nothing took any time.
    const auto latency = [&statements](absl::Duration took) {
      return statements.statements == 0 ? Json(nullptr) : Json(absl::ToDoubleMilliseconds(took));
    };
    shown["requests"].push_back(point.requests);
    shown["failures"].push_back(point.failures);
    shown["statements"].push_back(statements.statements);
    shown["p50_ms"].push_back(latency(statements.p50));
    shown["p95_ms"].push_back(latency(statements.p95));
    shown["p99_ms"].push_back(latency(statements.p99));
  }
  return shown;
}

Json Certificate(const CertificateWatch* certificates) {
  if (certificates == nullptr) return nullptr;
  const CertificateWatch::Counts counts = certificates->counts();
  return {{"expires", Text(counts.expires)}, {"replaced", counts.replaced}, {"refused", counts.refused}};
}

// Null where new sessions are not encrypted.
Json Encryption(const Keyring* keyring) {
  if (keyring == nullptr || keyring->active().empty()) return nullptr;
  return {{"active_key", keyring->active()}};
}

Json Audit(const AuditLog* audit) {
  if (audit == nullptr) return nullptr;
  const AuditLog::Counts counts = audit->counts();
  return {{"failing", counts.failing}, {"waiting", counts.waiting}, {"lost", counts.lost}};
}

}  // namespace

std::string StatusJson(const Observed& server, absl::Time now) {
  const Json reasons = Reasons(server, now);
  const Json status = {
      {"version", kVersion},
      {"now", Text(now)},
      {"started", Text(server.started)},
      {"uptime_seconds", absl::ToInt64Seconds(now - server.started)},
      {"ready", reasons.empty()},
      {"reasons", reasons},
      {"database", {{"answers", server.readiness->database_answers()}, {"since", Text(server.readiness->since())}}},
      {"address", server.address},
      {"transport", server.transport},
      {"access", server.access->current().open ? "open" : "tokens and certificates"},
      {"encryption", Encryption(server.keyring)},
      {"backends", Backends(*server.targets)},
      {"maintenance", Maintenance(server.maintenance())},
      {"write_behind", WriteBehind(server, now)},
      {"sessions", Sessions(server.sessions->counts())},
      {"leases", Leases(*server.leases)},
      {"calls", Calls(*server.guard)},
      {"pipes",
       {{"streams", server.guard->open_streams()},
        {"channels", server.pipes->channels()},
        {"bytes", server.pipes->bytes()}}},
      {"certificate", Certificate(server.certificates)},
      {"audit", Audit(server.audit)},
      {"backup", Backup(server.backup_metrics)},
  };
  std::string text = Dump(status, /*indent=*/2);
  // A thousand numbers, which would have a line each.
  text.resize(text.rfind("\n}"));
  return absl::StrCat(text, ",\n  \"history\": ", Points(server).dump(), "\n}\n");
}

std::string ReadinessJson(const Observed& server, absl::Time now) {
  const Json reasons = Reasons(server, now);
  Json readiness = {{"ready", reasons.empty()}};
  if (!reasons.empty()) readiness["reasons"] = reasons;
  return Dump(readiness, /*indent=*/-1);
}

}  // namespace authstate::server
