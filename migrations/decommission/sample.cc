#include "migrations/decommission/sample.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace authstate::decommission {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kOldestVersion = 150000;

constexpr char kIdentity[] = R"(
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid
FROM pg_database WHERE datname = current_database())";

// Whether a sample would tell: the version, the role and its right to see the sessions of others, what is counted.
constexpr char kConditions[] = R"(
SELECT current_setting('server_version_num'), current_user, pg_has_role('pg_read_all_stats', 'USAGE'),
       current_setting('track_counts') = 'on')";

// One row: the facts, the tables. Times are microseconds since 1970. The statistics of pg_stat_bgwriter are there for
// when they began alone: a server that has lost its statistics begins all of them anew, and the reset of one database
// leaves these. Autovacuum and analyze raise none of the counters of tables.
constexpr char kSample[] = R"(
SELECT json_build_object(
  'database', ($IDENTITY),
  'database_time', (extract(epoch FROM clock_timestamp()) * 1000000)::int8,
  'server_started', (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8,
  'statistics_since', concat_ws(' ', 'database', s.stats_reset, 'server', b.stats_reset),
  'sessions_made', s.sessions,
  'totals', json_build_object(
    'xact_commit', s.xact_commit, 'xact_rollback', s.xact_rollback, 'tup_returned', s.tup_returned,
    'tup_fetched', s.tup_fetched, 'tup_inserted', s.tup_inserted, 'tup_updated', s.tup_updated,
    'tup_deleted', s.tup_deleted),
  'clients', (SELECT coalesce(json_agg(c), '[]') FROM (
    SELECT coalesce(usename, '') AS role, coalesce(application_name, '') AS application,
           coalesce(host(client_addr), '') AS address, count(*) AS sessions,
           (extract(epoch FROM max(CASE WHEN state = 'active' THEN clock_timestamp()
              ELSE greatest(query_start, state_change, backend_start) END)) * 1000000)::int8 AS last_active
    FROM pg_stat_activity
    WHERE datid = s.datid AND backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
      AND application_name IS DISTINCT FROM '$APPLICATION'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) c)),
  (SELECT coalesce(json_agg(json_build_array(
     schemaname, relname, coalesce(pg_relation_filenode(relid), relid)::int8, seq_scan, coalesce(idx_scan, 0),
     n_tup_ins, n_tup_upd, n_tup_del) ORDER BY schemaname, relname), '[]') FROM pg_stat_user_tables)
FROM pg_stat_database s, pg_stat_bgwriter b WHERE s.datname = current_database())";

absl::Time TimeOf(const Json& micros) { return absl::FromUnixMicros(micros.get<std::int64_t>()); }

absl::Status NotOurs(absl::string_view what) {
  return absl::InternalError(absl::StrCat("a sample is none that this version has made: ", what));
}

}  // namespace

absl::StatusOr<std::string> IdentityOf(tables::Database& database) {
  const absl::StatusOr<tables::Rows> rows = database.Read(kIdentity);
  if (!rows.ok()) return rows.status();
  return rows->Text(0, 0);
}

absl::StatusOr<SampleText> TakeSample(tables::Database& database) {
  const absl::StatusOr<tables::Rows> conditions = database.Read(kConditions);
  if (!conditions.ok()) return conditions.status();
  if (conditions->Int(0, 0) < kOldestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.title(), " is older than PostgreSQL 15: what it counts does not suffice"));
  }
  if (!conditions->Bool(0, 2)) {
    const std::string role = conditions->Text(0, 1);
    return absl::PermissionDeniedError(absl::StrCat("the role ", role, " of ", database.title(),
                                                    " may not see who else is connected: GRANT pg_read_all_stats TO ",
                                                    role));
  }
  if (!conditions->Bool(0, 3)) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.title(), " does not count what its tables are asked: track_counts is off"));
  }
  const absl::StatusOr<tables::Rows> sample =
      database.Read(absl::StrReplaceAll(kSample, {{"$IDENTITY", kIdentity}, {"$APPLICATION", kApplication}}));
  if (!sample.ok()) return sample.status();
  if (sample->size() != 1) {
    return absl::InternalError(absl::StrCat(database.title(), " has no statistics of itself"));
  }
  return SampleText{sample->Text(0, 0), sample->Text(0, 1)};
}

absl::StatusOr<Sample> ParseFacts(absl::Time at, const std::string& facts) {
  try {
    const Json json = Json::parse(facts);
    Sample sample;
    sample.at = at;
    sample.database_time = TimeOf(json.at("database_time"));
    sample.database = json.at("database");
    sample.server_started = TimeOf(json.at("server_started"));
    sample.statistics_since = json.at("statistics_since");
    sample.sessions_made = json.at("sessions_made");
    sample.totals = json.at("totals").get<std::map<std::string, std::int64_t>>();
    for (const Json& clients : json.at("clients")) {
      sample.clients.push_back({clients.at("role"), clients.at("application"), clients.at("address"),
                                clients.at("sessions"), TimeOf(clients.at("last_active"))});
    }
    return sample;
  } catch (const Json::exception& error) {
    return NotOurs(error.what());
  }
}

absl::StatusOr<Tables> ParseTables(const std::string& tables) {
  try {
    Tables parsed;
    for (const Json& row : Json::parse(tables)) {
      const std::pair<std::string, std::string> name(row.at(0).get<std::string>(), row.at(1).get<std::string>());
      parsed[name] = {row.at(2), row.at(3), row.at(4), row.at(5), row.at(6), row.at(7)};
    }
    return parsed;
  } catch (const Json::exception& error) {
    return NotOurs(error.what());
  }
}

}  // namespace authstate::decommission
