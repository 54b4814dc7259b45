#include "server/databases.h"

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "profiles/database_options.h"
#include "profiles/readable_files.h"
#include "server/log/logging.h"
#include "server/log/maintenance_log.h"
#include "storage/absolute_path.h"
#include "storage/counts/call_counts.h"
#include "storage/counts/statement_stats.h"
#include "storage/decorators/backend_switch.h"
#include "storage/decorators/batching_backend.h"
#include "storage/decorators/caching_backend.h"
#include "storage/decorators/counting_backend.h"
#include "storage/near/near_store.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/sqlite/store_copy.h"
#include "storage/write_behind/write_behind.h"
#ifdef AUTHSTATE_FAILPOINTS
#include "storage/failpoints/faults_of_environment.h"
#endif

namespace authstate::server {
namespace {

absl::StatusOr<std::unique_ptr<storage::Backend>> OpenPostgres(const Options& options, profiles::BackendChoice choice,
                                                               const Shared& shared,
                                                               std::shared_ptr<storage::StatementStats> stats) {
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options.databases, choice);
  if (!target.ok()) return target.status();
  target->options.migrate = options.migrate;
  target->options.allow_exposed_tables = options.allow_exposed_tables;
  target->options.warn = [](const std::string& warning) { Log(LogLevel::kWarn, warning); };
  target->options.stats = std::move(stats);
  target->options.timer = shared.timer;
  target->options.keyring = shared.keyring;
  target->options.hide_key_ids = options.hide_key_ids;
  auto backend = storage::OpenPostgresBackend(target->options);
  if (!backend.ok()) return backend;
  for (const std::string& warning : target->warnings) Log(LogLevel::kWarn, warning);
  return backend;
}

absl::StatusOr<std::unique_ptr<storage::Backend>> OpenSqlite(const Options& options, const Shared& shared,
                                                             std::shared_ptr<storage::StatementStats> stats) {
  storage::SqliteOptions sqlite;
  sqlite.path = options.databases.sqlite_path;
  sqlite.create = options.create;
  sqlite.on_created = [](const std::string& path) { Log(LogLevel::kWarn, absl::StrCat("new, empty store at ", path)); };
  sqlite.migrate = options.migrate;
  sqlite.keyring = shared.keyring;
  sqlite.hide_key_ids = options.hide_key_ids;
  sqlite.stats = std::move(stats);
  auto backend = storage::OpenSqliteBackend(std::move(sqlite));
  if (!backend.ok()) return backend;
  for (const std::string& warning : profiles::WarningsOfDatabaseReaders(options.databases.sqlite_path)) {
    Log(LogLevel::kWarn, warning);
  }
  return backend;
}

// Stacks the decorators that stand on each database.
absl::StatusOr<std::unique_ptr<storage::Backend>> Decorated(const Options& options, profiles::BackendChoice choice,
                                                            const Shared& shared,
                                                            std::shared_ptr<storage::CallCounts> calls,
                                                            absl::StatusOr<std::unique_ptr<storage::Backend>> driver) {
  if (!driver.ok()) return driver;
  std::unique_ptr<storage::Backend> backend = *std::move(driver);
#ifdef AUTHSTATE_FAILPOINTS
  backend = storage::WithFaultsOfEnvironment(std::move(backend));
#endif
  backend = storage::NewCountingBackend(std::move(backend), calls);
  // The writer of SQLite gathers by itself, and its lock file keeps other writers away; PostgreSQL may have any number.
  if (choice == profiles::BackendChoice::kSqlite) {
    if (options.cache_bytes == 0) return backend;
    return storage::NewCachingBackend(std::move(backend), options.cache_bytes, std::move(calls));
  }
  if (options.batches == 0) return backend;
  storage::BatchingOptions batching;
  batching.limits = Batches(options);
  batching.timer = shared.timer;
  batching.counts = std::move(calls);
  return storage::NewBatchingBackend(std::move(backend), batching);
}

// What the file of write-behind is asked.
struct NearCounts {
  std::shared_ptr<storage::StatementStats> stats = std::make_shared<storage::StatementStats>();
  std::shared_ptr<storage::CallCounts> calls = std::make_shared<storage::CallCounts>();
};

absl::StatusOr<std::unique_ptr<storage::NearStore>> OpenNear(const Options& options, const Shared& shared,
                                                             const NearCounts& counts) {
  storage::SqliteOptions sqlite;
  sqlite.path = options.write_behind;
  sqlite.create = options.create;
  sqlite.on_created = [](const std::string& path) {
    Log(LogLevel::kWarn, absl::StrCat("new file of write-behind at ", path));
  };
  sqlite.migrate = options.migrate;
  sqlite.keyring = shared.keyring;
  sqlite.stats = counts.stats;
  auto near = storage::OpenSqliteNearStore(std::move(sqlite));
  if (!near.ok()) return near;
  for (const std::string& warning : profiles::WarningsOfDatabaseReaders(options.write_behind)) {
    Log(LogLevel::kWarn, warning);
  }
#ifdef AUTHSTATE_FAILPOINTS
  *near = storage::WithFaultsOfEnvironment(*std::move(near));
#endif
  return storage::NewCountingNearStore(*std::move(near), counts.calls);
}

storage::TargetState NearTarget(const NearCounts& counts) {
  storage::TargetState state;
  state.name = std::string(kNearTarget);
  state.serving = true;
  state.stats = counts.stats->Summarize();
  state.statements = counts.stats;
  state.calls = counts.calls;
  return state;
}

// What the gate behind a file has let in, for the gate before it: a database that turns out not to be the one that is
// meant is opened again, behind another gate. Thread-safe.
class WritesBehind {
 public:
  void Set(std::shared_ptr<storage::WritesInside> writes) {
    const absl::MutexLock lock(&mutex_);
    writes_ = std::move(writes);
  }
  std::uint64_t under_way() const {
    const absl::MutexLock lock(&mutex_);
    return writes_ == nullptr ? 0 : writes_->under_way();
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<storage::WritesInside> writes_ ABSL_GUARDED_BY(mutex_);
};

// Between a file that acknowledges and the database: refuses at once what would write there in maintenance. The file
// takes it for an outage, and waits as in one.
std::unique_ptr<storage::Backend> GateBehind(std::unique_ptr<storage::Backend> far, const Shared& shared,
                                             WritesBehind& behind) {
  storage::MaintenanceGate::Options gate;
  gate.writes = std::make_shared<storage::WritesInside>();
  behind.Set(gate.writes);
  gate.timer = shared.timer;
  gate.holds = false;
  gate.interval = absl::InfiniteDuration();
  return std::make_unique<storage::MaintenanceGate>(std::move(far), std::move(gate));
}

storage::WriteBehindOptions BehindOptions(const Options& options, const Shared& shared, storage::FarTargets* far,
                                          std::shared_ptr<WritesBehind> writes) {
  storage::WriteBehindOptions behind;
  behind.open_far = [far, &shared, writes = std::move(writes)]() -> absl::StatusOr<std::unique_ptr<storage::Backend>> {
    auto opened = far->Open();
    return opened.ok() ? GateBehind(*std::move(opened), shared, *writes) : std::move(opened);
  };
  behind.advertise = options.advertise;
  behind.max_bytes = options.write_behind_max_bytes;
  behind.max_age = options.write_behind_max_age;
  behind.stop_timeout = options.drain_timeout;
  behind.stop_by = [stop = shared.stop] { return stop->by(); };
  behind.check_holds = storage::CheckLayoutHolds;
  behind.timer = shared.timer;
  behind.log = [](const std::string& line) { Log(LogLevel::kWarn, line); };
  return behind;
}

absl::StatusOr<storage::CopyReport> CopySqlite(const Options& options, const storage::CopyRequest& request) {
  if (options.copy_folder.empty()) {
    return storage::Error(absl::StatusCode::kFailedPrecondition, storage::kNoCopyFolder,
                          "the server makes no copies: it was started without --copy-folder, which says where they may "
                          "be made");
  }
  return storage::CopySqliteStore(storage::AbsolutePath(options.databases.sqlite_path), options.copy_folder, request);
}

// A database that may serve. `options` outlives it.
storage::BackendSwitch::TargetOptions Target(const Options& options, profiles::BackendChoice choice,
                                             const Shared& shared) {
  storage::BackendSwitch::TargetOptions target;
  target.name = profiles::NameOf(choice);
  target.open = [&options, choice, shared, stats = target.stats, calls = target.calls] {
    return Decorated(options, choice, shared, calls,
                     choice == profiles::BackendChoice::kSqlite ? OpenSqlite(options, shared, stats)
                                                                : OpenPostgres(options, choice, shared, stats));
  };
  if (choice == profiles::BackendChoice::kSqlite) {
    target.copy = [&options](const storage::CopyRequest& request) { return CopySqlite(options, request); };
  }
  return target;
}

// The database that was chosen, and those that could be switched to: each of which anything is configured.
storage::BackendSwitch::Options SwitchOptions(const Options& options, const Shared& shared) {
  const profiles::BackendChoice chosen = options.databases.backend;
  storage::BackendSwitch::Options result;
  result.targets.push_back(Target(options, chosen, shared));
  for (const profiles::BackendChoice choice : profiles::ConfiguredProfiles(options.databases)) {
    if (choice != chosen) result.targets.push_back(Target(options, choice, shared));
  }
  const bool has_sqlite_path = options.databases.sqlite_path != profiles::DatabaseOptions().sqlite_path;
  // Nothing stands behind a file of its own.
  const bool may_be_sqlite = options.write_behind.empty() && chosen != profiles::BackendChoice::kSqlite;
  if (may_be_sqlite && has_sqlite_path) {
    result.targets.push_back(Target(options, profiles::BackendChoice::kSqlite, shared));
  }
  return result;
}

// Before all else. With write-behind leases go on: they are the file's, or meet the gate behind it. Null: there is
// none.
void PutGateBefore(const std::shared_ptr<const WritesBehind>& behind, const Shared& shared, Databases* databases) {
  storage::MaintenanceGate::Options options;
  options.timer = shared.timer;
  options.passes_leases = behind != nullptr;
  if (behind != nullptr) options.under_way_behind = [behind] { return behind->under_way(); };
  options.on_change = LogMaintenance;
  auto gate = std::make_unique<storage::MaintenanceGate>(std::move(databases->backend), std::move(options));
  databases->maintenance = gate.get();
  databases->backend = std::move(gate);
}

}  // namespace

storage::BatchLimits Batches(const Options& options) {
  storage::BatchLimits limits;
  limits.calls = BatchesOf(options);
  if (limits.calls == 0) limits.calls = profiles::ConnectionsForCalls(options.databases);
  return limits;
}

std::size_t Snapshots(const Options& options, const storage::Description& database) {
  if (database.kind == "sqlite") return static_cast<std::size_t>(storage::SqliteOptions().snapshots);
  return static_cast<std::size_t>(profiles::ConnectionsForSnapshots(options.databases));
}

absl::StatusOr<Databases> OpenDatabases(const Options& options, const Shared& shared) {
  Databases databases;
  storage::BackendSwitch::Options targets = SwitchOptions(options, shared);
  if (options.write_behind.empty()) {
    auto opened = storage::BackendSwitch::Create(std::move(targets));
    if (!opened.ok()) return opened.status();
    databases.targets = opened->get();
    databases.backend = *std::move(opened);
    PutGateBefore(/*behind=*/nullptr, shared, &databases);
    return databases;
  }
  const NearCounts near_counts;
  auto near = OpenNear(options, shared, near_counts);
  if (!near.ok()) return near.status();
  targets.before_serving = [near = near->get()](const storage::Description& from, const storage::Description& to) {
    return storage::MoveBefore(*near, from, to);
  };
  databases.far = std::make_unique<storage::FarTargets>(std::move(targets));
  const auto behind = std::make_shared<WritesBehind>();
  auto opened = storage::OpenWriteBehind(*std::move(near), BehindOptions(options, shared, databases.far.get(), behind));
  if (!opened.ok()) return opened.status();
  databases.targets = databases.far.get();
  databases.near = [near_counts] { return std::make_optional(NearTarget(near_counts)); };
  databases.write_behind = [tier = opened->get()] { return std::make_optional(tier->State()); };
  databases.backend = *std::move(opened);
#ifdef AUTHSTATE_FAILPOINTS
  databases.backend = storage::WithFailpointsOfEnvironment(std::move(databases.backend));
#endif
  PutGateBefore(behind, shared, &databases);
  return databases;
}

}  // namespace authstate::server
