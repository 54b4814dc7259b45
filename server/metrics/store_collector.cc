#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/metrics/collectors.h"
#include "server/metrics/readiness.h"
#include "server/metrics/session_sampler.h"
#include "storage/backend_targets.h"
#include "storage/counts/call_counts.h"

namespace authstate::server {
namespace {

using storage::TargetState;

// What serves, or could: a database, or the file of write-behind before it.
struct Target : TargetState {
  Target(TargetState state, bool is_up) : TargetState(std::move(state)), up(is_up) {}

  // Whether it serves, and gives good signs of life.
  bool up;
};
using Targets = std::vector<Target>;

constexpr double kNanosecond = 1e-9;

// A value of each database.
template <typename Value>
void AddEach(const Targets& targets, MetricFamilies::Family family, Value value) {
  for (const Target& target : targets) family.Add(value(target), {{"backend", target.name}});
}

// With write-behind, signs of life are those of the file, which is the server's, and not of the database behind it.
Targets TargetsOf(const Observed& server) {
  const bool answers = server.readiness->database_answers();
  const std::optional<storage::WriteBehindState> behind = server.write_behind();
  Targets targets;
  for (TargetState& state : server.targets->ListTargets()) {
    const bool alive = behind.has_value() ? !behind->away_since.has_value() : answers;
    const bool up = state.serving && alive;
    targets.emplace_back(std::move(state), up);
  }
  if (std::optional<TargetState> near = server.near()) targets.emplace_back(*std::move(near), answers);
  return targets;
}

void CollectStatements(const Targets& targets, MetricFamilies* families) {
  AddEach(targets,
          families->Gauge("authstate_backend_serving",
                          "1: calls go to this database; one that does not serve is asked nothing."),
          [](const Target& target) { return target.serving; });
  AddEach(targets, families->Gauge("authstate_backend_up", "1: it serves, and gives good signs of life."),
          [](const Target& target) { return target.up; });
  AddEach(targets,
          families->Counter("authstate_backend_statements_total",
                            "Statements that went to the database; of SQLite, transactions and reads."),
          [](const Target& target) { return target.stats.statements; });
  MetricFamilies::Family errors = families->Counter("authstate_backend_errors_total",
                                                    "Statements, and attempts to connect, that failed, by class.");
  for (const Target& target : targets) {
    for (const absl::string_view error_class : storage::kErrorClasses) {
      const auto found = target.stats.errors_by_class.find(std::string(error_class));
      errors.Add(found == target.stats.errors_by_class.end() ? 0 : found->second,
                 {{"backend", target.name}, {"class", error_class}});
    }
  }
  MetricFamilies::Family seconds =
      families->Histogram("authstate_backend_statement_seconds", "How long statements took.");
  for (const Target& target : targets) {
    seconds.Add(target.statements->latencies(), kNanosecond, {{"backend", target.name}});
  }
  AddEach(targets, families->Gauge("authstate_backend_connections", "Connections to the database that are open."),
          [](const Target& target) { return target.stats.connections; });
  AddEach(targets, families->Gauge("authstate_backend_calls_waiting", "Calls that wait for a connection."),
          [](const Target& target) { return target.stats.waiting; });
  AddEach(targets, families->Gauge("authstate_backend_calls_at_work", "Calls that have a connection."),
          [](const Target& target) { return target.stats.at_work; });
  MetricFamilies::Family waits = families->Histogram("authstate_backend_wait_seconds",
                                                     "How long calls waited for a connection, of those that got one.");
  for (const Target& target : targets) {
    waits.Add(target.statements->waits(), kNanosecond, {{"backend", target.name}});
  }
}

void CollectFollowing(const Targets& targets, MetricFamilies* families) {
  AddEach(targets, families->Gauge("authstate_backend_following", "1: it is kept equal to the database that serves."),
          [](const Target& target) { return target.following.has_value(); });
  AddEach(targets,
          families->Gauge("authstate_backend_follow_lag_seconds",
                          "How long ago it had all that was written; 0 where it is not kept equal."),
          [](const Target& target) {
            if (!target.following.has_value()) return 0.0;
            return absl::ToDoubleSeconds(absl::Now() - target.following->equal_time.value_or(target.following->since));
          });
  AddEach(targets,
          families->Gauge("authstate_backend_follow_differing_sessions",
                          "Sessions that could not be made equal, as it is newer there, or cannot hold them."),
          [](const Target& target) {
            return target.following.has_value() ? target.following->differing_sessions : std::size_t{0};
          });
}

// What waits before the driver, of both kinds that are gathered.
void CollectGathering(const Targets& targets, MetricFamilies* families) {
  MetricFamilies::Family calls =
      families->Gauge("authstate_backend_gathering_calls", "Calls that wait for the batches before theirs, by kind.");
  for (const Target& target : targets) {
    calls.Add(target.calls->gathered_commits.waiting.load(), {{"backend", target.name}, {"kind", "commits"}})
        .Add(target.calls->gathered_reads.waiting.load(), {{"backend", target.name}, {"kind", "reads"}});
  }
  MetricFamilies::Family seconds =
      families->Histogram("authstate_backend_gathering_seconds",
                          "How long calls waited for the batches before theirs, of those that were sent.");
  for (const Target& target : targets) {
    seconds.Add(target.calls->gathered_commits.waits, kNanosecond, {{"backend", target.name}, {"kind", "commits"}})
        .Add(target.calls->gathered_reads.waits, kNanosecond, {{"backend", target.name}, {"kind", "reads"}});
  }
}

void CollectEnds(const Targets& targets, MetricFamilies* families) {
  MetricFamilies::Family calls = families->Counter("authstate_backend_calls_total",
                                                   "Calls to the driver of the database, each for one caller or many.");
  for (const Target& target : targets) {
    for (std::size_t i = 0; i < std::size(storage::kCallKinds); ++i) {
      calls.Add(target.calls->calls.at(i).load(), {{"backend", target.name}, {"kind", storage::kCallKinds[i]}});
    }
  }
  MetricFamilies::Family commits = families->Counter("authstate_backend_commits_total",
                                                     "Commits by how they ended; unknown ones may have been applied.");
  for (const Target& target : targets) {
    for (std::size_t i = 0; i < std::size(storage::kCommitEnds); ++i) {
      commits.Add(target.calls->commits.at(i).load(), {{"backend", target.name}, {"outcome", storage::kCommitEnds[i]}});
    }
  }
  AddEach(targets,
          families->Counter(
              "authstate_backend_commits_resolved_total",
              "Commits whose statement got no answer, and of which it was found out whether they were applied."),
          [](const Target& target) { return target.statements->resolved(); });
  MetricFamilies::Family batches =
      families->Histogram("authstate_backend_batch_commits", "Commits that went to the database as one call.");
  for (const Target& target : targets) batches.Add(target.calls->batches, 1, {{"backend", target.name}});
  AddEach(
      targets,
      families->Counter("authstate_backend_data_loss_total", "Answers that what is stored is not what was written."),
      [](const Target& target) { return target.calls->data_loss.load(); });
  AddEach(targets,
          families->Counter("authstate_backend_stale_fences_total",
                            "Work that was refused, as its owner has lost the lease."),
          [](const Target& target) { return target.calls->stale_fences.load(); });
  AddEach(targets, families->Counter("authstate_cache_hits_total", "Reads that were answered from memory."),
          [](const Target& target) { return target.calls->cache_hits.load(); });
  AddEach(targets, families->Counter("authstate_cache_misses_total", "Reads that the cache could not answer."),
          [](const Target& target) { return target.calls->cache_misses.load(); });
  AddEach(targets, families->Gauge("authstate_cache_bytes", "Bytes that the cache holds."),
          [](const Target& target) { return target.calls->cache_bytes.load(); });
}

void CollectMaintenance(const storage::MaintenanceState& state, MetricFamilies* families) {
  families->Gauge("authstate_maintenance", "1: there is maintenance, and nobody writes.")
      .Add(state.maintenance.has_value());
  families->Gauge("authstate_maintenance_held_calls", "Calls that wait for its end.").Add(state.held);
  families->Counter("authstate_maintenance_refused_total", "Calls, and members of batches, that it has refused.")
      .Add(state.refused);
}

void CollectLeases(const LeaseCounts& leases, MetricFamilies* families) {
  families->Counter("authstate_leases_total", "Changes of leases that went through this server.")
      .Add(leases.gained.load(), {{"event", "gained"}})
      .Add(leases.stolen.load(), {{"event", "stolen"}})
      .Add(leases.refused.load(), {{"event", "refused"}})
      .Add(leases.lost.load(), {{"event", "lost"}})
      .Add(leases.released.load(), {{"event", "released"}});
}

// Before they were listed, nobody knows how many there are, and none are told.
void CollectSessions(const SessionSampler::Counts& counts, MetricFamilies* families) {
  families
      ->Gauge("authstate_sessions_listed_timestamp_seconds", "When sessions were last listed; 0 before the first time.")
      .Add(counts.listed.has_value() ? absl::ToDoubleSeconds(*counts.listed - absl::UnixEpoch()) : 0.0);
  if (!counts.listed.has_value()) return;
  families->Gauge("authstate_sessions", "Sessions of the store when they were last listed, by whether they have creds.")
      .Add(counts.sessions - counts.without_creds, {{"creds", "yes"}})
      .Add(counts.without_creds, {{"creds", "no"}});
  families->Gauge("authstate_session_keys", "Keys of these sessions.").Add(counts.keys);
  families->Gauge("authstate_session_bytes", "Bytes of their creds and values, as they are stored.").Add(counts.bytes);
  families->Gauge("authstate_leases_held", "Of these sessions, those with a lease that was live then.")
      .Add(counts.leased);
}

std::uint64_t SizeOf(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
}

// Where a file that is not there yet would be made.
std::string FolderOf(const std::string& path) { return (std::filesystem::path(path).parent_path() / ".").string(); }

void CollectFiles(const std::vector<std::string>& files, MetricFamilies* families) {
  MetricFamilies::Family size = families->Gauge("authstate_sqlite_file_bytes", "Size of an SQLite file with its log.");
  for (const std::string& path : files) {
    size.Add(SizeOf(path) + SizeOf(absl::StrCat(path, "-wal")), {{"file", path}});
  }
  MetricFamilies::Family room =
      families->Gauge("authstate_sqlite_disk_free_bytes", "Room on its disk that this server may use.");
  for (const std::string& path : files) {
    struct statvfs disk {};
    if (statvfs(path.c_str(), &disk) != 0 && statvfs(FolderOf(path).c_str(), &disk) != 0) continue;
    room.Add(static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize), {{"file", path}});
  }
}

}  // namespace

void CollectStores(const Observed& server, MetricFamilies* families) {
  const Targets targets = TargetsOf(server);
  CollectStatements(targets, families);
  CollectGathering(targets, families);
  CollectEnds(targets, families);
  CollectFollowing(targets, families);
  CollectLeases(*server.leases, families);
  CollectMaintenance(server.maintenance(), families);
  CollectSessions(server.sessions->counts(), families);
  if (!server.files.empty()) CollectFiles(server.files, families);
}

}  // namespace authstate::server
