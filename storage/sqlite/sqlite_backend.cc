#include "storage/sqlite/sqlite_backend.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/absolute_path.h"
#include "storage/batch_room.h"
#include "storage/error.h"
#include "storage/sealing/hidden_names.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/grants.h"
#include "storage/sqlite/group_writer.h"
#include "storage/sqlite/lease_applier.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/sealing/keyring_table.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/sqlite_schema.h"
#include "storage/sqlite/sqlite_snapshot.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/store_clock.h"
#include "storage/sqlite/store_marker.h"
#include "storage/sqlite/store_place.h"
#include "storage/sqlite/write_job.h"

namespace authstate::storage {
namespace {

// All answers of one moment: a read transaction around them.
std::vector<absl::StatusOr<ReadResult>> ReadAll(SqliteConnection& connection, const std::vector<ReadRequest>& requests,
                                                absl::Time now, const SessionKeys& keys) {
  std::vector<absl::StatusOr<ReadResult>> results;
  results.reserve(requests.size());
  try {
    Run(connection.Prepare(sql::kBegin));
    for (const ReadRequest& request : requests) results.push_back(ReadSession(connection, request, now, keys));
  } catch (const SQLite::Exception& exception) {
    results.resize(requests.size(), FromSqlite(exception));
  }
  connection.RollBackQuietly();
  const bool damaged =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return absl::IsDataLoss(result.status()); });
  if (damaged) connection.ForgetPages();
  return results;
}

void SignOfLife(SqliteConnection& connection) {
  SQLite::Statement& ping = connection.Prepare(sql::kPing);
  (void)ping.executeStep();
  ping.reset();
}

// What a commit may have that is done in hardly more time than the sync to disk that ends it.
constexpr std::size_t kSmallBytes = std::size_t{64} << 10;

bool IsSmall(const Commit& commit) {
  return commit.action == Commit::Action::kWrite && !commit.clear_keys && ByteSize(commit) <= kSmallBytes;
}

// A write that stands for all others.
struct Trial {};

absl::StatusOr<Trial> TryToWrite(SqliteConnection& connection, const Trial& trial, absl::Time /*now*/) {
  Run(connection.Prepare(sql::kTrialWrite));
  return trial;
}

std::vector<std::unique_ptr<SqliteConnection>> TakeLast(std::vector<std::unique_ptr<SqliteConnection>>* connections) {
  std::vector<std::unique_ptr<SqliteConnection>> last;
  last.push_back(std::move(connections->back()));
  connections->pop_back();
  return last;
}

class SqliteBackend final : public Backend {
 public:
  SqliteBackend(SqliteOptions options, FileLock lock, StorePlace place, std::uint32_t schema_version,
                std::unique_ptr<SqliteConnection> writer, std::vector<std::unique_ptr<SqliteConnection>> readers)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        place_(std::move(place)),
        schema_version_(schema_version),
        keys_(options_.keyring, options_.hide_key_ids),
        writer_(std::move(writer), clock_, &place_, options_.queue_limit, options_.stats),
        large_reader_(TakeLast(&readers), options_.queue_limit, options_.stats),
        readers_(std::move(readers), options_.queue_limit, options_.stats) {
    for (int i = 0; options_.stats != nullptr && i < Connections(); ++i) options_.stats->ConnectionOpened();
  }

  ~SqliteBackend() override {
    for (int i = 0; options_.stats != nullptr && i < Connections(); ++i) options_.stats->ConnectionClosed();
  }
  SqliteBackend(const SqliteBackend&) = delete;
  SqliteBackend& operator=(const SqliteBackend&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    const bool small = commits.size() == 1 && IsSmall(commits.front());
    auto job = std::make_unique<BatchJob<Commit, Applied>>(
        std::move(commits), deadline,
        [this](SqliteConnection& connection, const Commit& commit, absl::Time now) {
          return ApplyCommit(connection, commit, now, keys_);
        },
        std::move(done));
    if (small) return writer_.TakeSmall(std::move(job));
    writer_.Take(std::move(job));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    // Whoever gathered a batch has bounded it. What a lone request finds is known once it is read: where that is much,
    // it is read among its like, and those who want little do not wait behind it.
    if (requests.size() != 1 || requests[0].max_bytes <= kLargeBytes) {
      return ReadBy(&readers_, std::move(requests), deadline, std::move(done));
    }
    std::vector<ReadRequest> bounded = requests;
    bounded[0].max_bytes = kLargeBytes;
    ReadBy(&readers_, std::move(bounded), deadline,
           [this, requests = std::move(requests), deadline,
            done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
             if (ReasonOf(results[0].status()) != kResponseTooLarge) return std::move(done)(std::move(results));
             ReadBy(&large_reader_, std::move(requests), deadline, std::move(done));
           });
  }

  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    readers_.Run(deadline, [this, request = std::move(request),
                            done = std::move(done)](const absl::StatusOr<SqliteConnection*>& turn) mutable {
      if (!turn.ok()) return std::move(done)(turn.status());
      std::optional<SnapshotPlace> place = SnapshotPlace::Take(&open_snapshots_, options_.snapshots);
      if (!place.has_value()) return std::move(done)(QueueFull());
      auto snapshot = CatchSqlite([&] {
        return SqliteSnapshot::Open(options_.path, std::move(request), clock_.Now(), keys_, &readers_,
                                    *std::move(place));
      });
      // It has opened the file by its name: what another file holds, or does not hold, is no answer.
      if (absl::Status in_place = place_.Check(); !in_place.ok()) return std::move(done)(std::move(in_place));
      std::move(done)(std::move(snapshot));
    });
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    writer_.Take(std::make_unique<BatchJob<LeaseRequest, LeaseResult>>(std::move(requests), deadline, ApplyLeaseRequest,
                                                                       std::move(done)));
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    readers_.Run(deadline, [this, request = std::move(request),
                            done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
      if (!connection.ok()) return std::move(done)(connection.status());
      auto sessions = CatchSqlite([&]() -> absl::StatusOr<std::vector<SessionSummary>> {
        return ListSessions(**connection, request, clock_.Now());
      });
      if (absl::IsDataLoss(sessions.status())) (*connection)->ForgetPages();
      std::move(done)(std::move(sessions));
    });
  }

  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    if (request.action == GrantRequest::Action::kList) {
      return readers_.Run(deadline, [this, known = request.known_version,
                                     done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
        if (!connection.ok()) return std::move(done)(connection.status());
        auto listed = CatchSqlite([&] { return ListGrants(**connection, known, clock_.Now()); });
        if (absl::IsDataLoss(listed.status())) (*connection)->ForgetPages();
        std::move(done)(std::move(listed));
      });
    }
    std::vector<GrantRequest> requests;
    requests.push_back(std::move(request));
    writer_.Take(std::make_unique<BatchJob<GrantRequest, GrantResult>>(
        std::move(requests), deadline, ApplyGrantRequest,
        [done = std::move(done)](std::vector<absl::StatusOr<GrantResult>> results) mutable {
          std::move(done)(std::move(results.front()));
        }));
  }

  void Ping(absl::Time deadline, PingDone done) override {
    readers_.Run(deadline,
                 [this, deadline, done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
                   if (!connection.ok()) return std::move(done)(connection.status());
                   absl::Status read = CatchSqlite([&] {
                     SignOfLife(**connection);
                     return absl::OkStatus();
                   });
                   // A store that can be read and not be written does not serve. Only then it takes a write to know
                   // better.
                   const bool writes = !writer_.failing() && place_.Check().ok();
                   if (!read.ok() || writes) return std::move(done)(std::move(read));
                   writer_.Take(std::make_unique<BatchJob<Trial, Trial>>(
                       std::vector<Trial>(1), deadline, TryToWrite,
                       [done = std::move(done)](const std::vector<absl::StatusOr<Trial>>& results) mutable {
                         std::move(done)(results[0].status());
                       }));
                 });
  }

  Description Describe() const override { return {"sqlite", "sqlite", options_.path, schema_version_, "", "", ""}; }

 private:
  static constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

  void ReadBy(ReaderPool* readers, std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) {
    readers->Run(deadline, [this, requests = std::move(requests),
                            done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
      if (connection.ok()) return std::move(done)(ReadAll(**connection, requests, clock_.Now(), keys_));
      std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), connection.status()));
    });
  }

  // Those that stay open: of the readers, of the one for large answers, and of the writer.
  int Connections() const { return options_.readers + 2; }

  const SqliteOptions options_;
  const FileLock lock_;
  const StorePlace place_;
  const StoreClock clock_;
  const std::uint32_t schema_version_;
  const SessionKeys keys_;
  std::atomic<int> open_snapshots_ = 0;
  // The writer goes last: its connection is the one that can fold the log into the file when it closes.
  GroupWriter writer_;
  // Takes what the others have found to be large, until they are gone.
  ReaderPool large_reader_;
  ReaderPool readers_;
};

// What SQLite would take for a database without a file.
bool IsNoFile(const std::string& path) { return path.empty() || path == ":memory:" || absl::StartsWith(path, "file:"); }

// Made, with its permissions, before SQLite would do so and leave them to the umask.
absl::StatusOr<FileLock> LockFile(const SqliteOptions& options) {
  absl::StatusOr<FileLock> lock = FileLock::Open(options.path, options.create ? O_RDWR | O_CREAT : O_RDWR);
  if (!options.create && absl::IsNotFound(lock.status())) {
    return absl::NotFoundError("no such file, and --no-create forbids to make a new store");
  }
  if (!lock.ok()) return lock;
  if (absl::Status locked = lock->Lock(); !locked.ok()) return locked;
  return lock;
}

void Configure(SqliteConnection& writer) {
  writer.database().exec("PRAGMA journal_mode = WAL");
  writer.database().exec("PRAGMA synchronous = FULL");
}

absl::StatusOr<std::unique_ptr<Backend>> OpenFile(SqliteOptions options) {
  absl::StatusOr<FileLock> lock = LockFile(options);
  if (!lock.ok()) return lock.status();
  return CatchSqlite([&]() -> absl::StatusOr<std::unique_ptr<Backend>> {
    auto writer = std::make_unique<SqliteConnection>(options.path, SqliteConnection::Mode::kReadWrite);
    const absl::StatusOr<PreparedSchema> schema = PrepareSqliteSchema(*writer, options.migrate, options.create);
    if (!schema.ok()) return schema.status();
    std::string hiding_key;
    if (!options.without_keyring) {
      if (absl::Status fits = FitKeyring(*writer, options.keyring.get()); !fits.ok()) return fits;
      auto fitted = FitHidingKey(*writer, options.keyring.get(), options.hide_key_ids);
      if (!fitted.ok()) return fitted.status();
      hiding_key = *std::move(fitted);
    }
    // Only now is it known to be ours: this changes the file.
    Configure(*writer);
    // The log is made with the store, so that its permissions are the store's.
    if (schema->made) Run(writer->Prepare(sql::kTrialWrite));
    if (absl::Status marked = LeaveMarker(options.path); !marked.ok()) return marked;
    std::vector<std::unique_ptr<SqliteConnection>> readers;
    const int connections = options.readers + 1;
    readers.reserve(static_cast<std::size_t>(connections));
    for (int i = 0; i < connections; ++i) {
      readers.push_back(std::make_unique<SqliteConnection>(options.path, SqliteConnection::Mode::kReadOnly));
      // It opens the log only now, by its name: later another file may bear that.
      SignOfLife(*readers.back());
    }
    absl::StatusOr<StorePlace> place = StorePlace::Of(options.path);
    if (!place.ok()) return place.status();
    if (schema->made && options.on_created != nullptr) options.on_created(options.path);
    const std::shared_ptr<const Keyring> keyring = options.keyring;
    options.hide_key_ids = !hiding_key.empty();
    return WithHiddenNames(std::make_unique<SqliteBackend>(std::move(options), *std::move(lock), *std::move(place),
                                                           schema->version, std::move(writer), std::move(readers)),
                           keyring.get(), hiding_key);
  });
}

absl::StatusOr<std::unique_ptr<Backend>> Open(SqliteOptions options) {
  const std::string path = options.path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::InvalidArgumentError("is a folder, not a file");
  if (absl::Status log = CheckLogHasItsDatabase(path); !log.ok()) return log;
  if (!options.create || !HasMarker(path)) return OpenFile(std::move(options));
  options.create = false;
  auto backend = OpenFile(std::move(options));
  return absl::IsNotFound(backend.status()) ? MarkedStoreIsGone(path) : std::move(backend);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> OpenSqliteBackend(SqliteOptions options) {
  if (IsNoFile(options.path)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", options.path, "\" is not the path of a file"));
  }
  options.path = AbsolutePath(options.path);
  const std::string path = options.path;
  absl::StatusOr<std::unique_ptr<Backend>> backend = Open(std::move(options));
  if (backend.ok()) return backend;
  const absl::Status& cause = backend.status();
  absl::Status named(cause.code(), absl::StrCat(path, ": ", cause.message()));
  cause.ForEachPayload(
      [&named](absl::string_view type, const absl::Cord& payload) { named.SetPayload(type, payload); });
  return named;
}

}  // namespace authstate::storage
