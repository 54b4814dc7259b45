#ifndef AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_H_
#define AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "migrations/tables/database.h"

// What a database says of who asks it, at one moment. The catalogue alone is read, which raises no counter of a user's
// table, so that looking is not asking.
namespace authstate::decommission {

// The name of our own sessions, which are not counted as clients.
inline constexpr char kApplication[] = "authstatectl decommission";

// The sessions that a sample makes: the one that probes, and its own (Database::Open).
inline constexpr std::int64_t kSessionsOfASample = 2;

// Sessions that are alike.
struct Clients {
  std::string role;
  // As the client calls itself; anybody's text.
  std::string application;
  // Empty: a socket of the database's machine.
  std::string address;
  std::int64_t sessions = 0;
  // The newest start of a statement, change of state or begin of one of them, by the database's clock; the time of the
  // sample where one is at work.
  absl::Time last_active;
};

// What one table has had since its statistics were reset; they are kept for every table, whatever rights the role has.
struct TableCounters {
  // The number of its file, which changes with TRUNCATE, with statements that rewrite the table, and with another table
  // of the name.
  std::int64_t file = 0;
  std::int64_t table_scans = 0;
  std::int64_t index_scans = 0;
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
};

// By schema and name.
using Tables = std::map<std::pair<std::string, std::string>, TableCounters>;

struct Sample {
  // By the clock of the machine that samples.
  absl::Time at;
  absl::Time database_time;
  // The cluster and the database in it: `7423…/16384`.
  std::string database;
  absl::Time server_started;
  // Changes when statistics of the database are reset, and when the server has lost them, as after a crash.
  std::string statistics_since;
  // Sessions that were ever made to the database.
  std::int64_t sessions_made = 0;
  // What else pg_stat_database counts, which our own session raises too. Never goes down but by a reset.
  std::map<std::string, std::int64_t> totals;
  std::vector<Clients> clients;
  // Never null; shared by samples between which nothing changed.
  std::shared_ptr<const Tables> tables;
};

// A sample as JSON of the database's own making: its tables, and all else.
struct SampleText {
  std::string facts;
  std::string tables;
};

// Takes a sample. PermissionDenied when the role may not see the sessions of others, FailedPrecondition when the
// database does not count or is older than PostgreSQL 15; else fails as Database::Read does.
absl::StatusOr<SampleText> TakeSample(tables::Database& database);

// Which database this is: Sample::database.
absl::StatusOr<std::string> IdentityOf(tables::Database& database);

// Internal, when it is not what TakeSample has made.
absl::StatusOr<Sample> ParseFacts(absl::Time at, const std::string& facts);
absl::StatusOr<Tables> ParseTables(const std::string& tables);

}  // namespace authstate::decommission

#endif  // AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_H_
