#include "server/metrics/status_json.h"

#include <nlohmann/json.hpp>

#include "contract/version.h"
#include "keyring/keyring.h"
#include "server/access/access_watch.h"
#include "server/connections/certificate_watch.h"
#include "server/log/audit_log.h"
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
    backend["connections"] = stats.connections;
    backend["calls_waiting"] = stats.waiting;
    backend["calls_at_work"] = stats.at_work;
    backend["statements"] = stats.statements;
    backend["errors"] = stats.errors;
    backend["errors_by_class"] = stats.errors_by_class;
    backend["last_minute"] = {{"statements", stats.statements_last_minute},
                              {"errors", stats.errors_last_minute},
                              {"median_ms", absl::ToDoubleMilliseconds(stats.median)},
                              {"p99_ms", absl::ToDoubleMilliseconds(stats.p99)}};
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

Json WriteBehind(const std::optional<storage::WriteBehindState>& state) {
  if (!state.has_value()) return nullptr;
  Json shown = {{"store_id", state->store_id}, {"sessions", state->sessions}, {"dirty_sessions", state->dirty_sessions},
                {"commits", state->commits},   {"bytes", state->bytes},       {"orphans", state->orphans}};
  if (state->oldest.has_value()) shown["oldest"] = Text(*state->oldest);
  if (state->away_since.has_value()) shown["away_since"] = Text(*state->away_since);
  return shown;
}

Json Sessions(const SessionSampler::Counts& counts) {
  // Before they were listed, nobody knows how many there are.
  if (!counts.listed.has_value()) return nullptr;
  return {{"sessions", counts.sessions}, {"without_creds", counts.without_creds},
          {"leased", counts.leased},     {"keys", counts.keys},
          {"bytes", counts.bytes},       {"listed", Text(*counts.listed)}};
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
      {"write_behind", WriteBehind(server.write_behind())},
      {"sessions", Sessions(server.sessions->counts())},
      {"pipes",
       {{"streams", server.guard->open_streams()},
        {"channels", server.pipes->channels()},
        {"bytes", server.pipes->bytes()}}},
      {"certificate", Certificate(server.certificates)},
      {"audit", Audit(server.audit)},
  };
  return Dump(status, /*indent=*/2);
}

std::string ReadinessJson(const Observed& server, absl::Time now) {
  const Json reasons = Reasons(server, now);
  Json readiness = {{"ready", reasons.empty()}};
  if (!reasons.empty()) readiness["reasons"] = reasons;
  return Dump(readiness, /*indent=*/-1);
}

}  // namespace authstate::server
