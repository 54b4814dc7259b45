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

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/absolute_path.h"
#include "storage/await_call.h"
#include "storage/batch_room.h"
#include "storage/error.h"
#include "storage/near/store_id.h"
#include "storage/sealing/hidden_names.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/grants.h"
#include "storage/sqlite/group_writer.h"
#include "storage/sqlite/homes/homes.h"
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

class SqliteBackend final : public NearStore {
 public:
  SqliteBackend(SqliteOptions options, FileLock lock, StorePlace place, std::uint32_t schema_version,
                std::optional<NearStoreIdentity> near, std::unique_ptr<SqliteConnection> writer,
                std::vector<std::unique_ptr<SqliteConnection>> readers)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        place_(std::move(place)),
        schema_version_(schema_version),
        near_(std::move(near)),
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
          bool replayed = false;
          absl::StatusOr<Applied> applied = ApplyCommit(connection, commit, now, keys_, &replayed);
          if (near_.has_value() && applied.ok() && !replayed)
            RememberChanges(connection, commit, applied->revision, now);
          return applied;
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

  const std::string& id() const override { return near_->id; }
  std::string far_id() const override {
    const absl::MutexLock lock(&far_id_mutex_);
    return near_->far_id;
  }

  absl::Status SetFarId(const std::string& far_id) override {
    absl::Status set = AwaitCall<absl::Status>(
        [this, &far_id](auto done) { Write(absl::InfiniteFuture(), far_id, SetFarStore, std::move(done)); });
    if (!set.ok()) return set;
    const absl::MutexLock lock(&far_id_mutex_);
    near_->far_id = far_id;
    return set;
  }

  void KeepGrants(GrantResult listed, absl::Time deadline, PingDone done) override {
    Write(deadline, std::move(listed), ReplaceGrants, std::move(done));
  }

  void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) override {
    writer_.Take(std::make_unique<BatchJob<HomeChange, Trial>>(
        std::move(changes), deadline,
        [this](SqliteConnection& connection, const HomeChange& change, absl::Time now) -> absl::StatusOr<Trial> {
          if (absl::Status changed = ApplyHomeChange(connection, change, now, keys_); !changed.ok()) return changed;
          return Trial{};
        },
        [done = std::move(done)](const std::vector<absl::StatusOr<Trial>>& results) mutable {
          std::vector<absl::Status> statuses;
          statuses.reserve(results.size());
          for (const auto& result : results) statuses.push_back(result.status());
          std::move(done)(std::move(statuses));
        }));
  }

  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    using Unflushed = std::vector<absl::StatusOr<UnflushedChanges>>;
    const std::size_t count = session_ids.size();
    Ask<Unflushed>(
        deadline,
        [this, session_ids = std::move(session_ids), max_bytes](SqliteConnection& connection, absl::Time now) {
          Unflushed all;
          std::size_t bytes = 0;
          for (const std::string& session_id : session_ids) {
            if (!all.empty() && bytes >= max_bytes) break;
            all.push_back(SelectUnflushed(connection, session_id, now, keys_));
            if (all.back().ok()) bytes += ByteSize(all.back()->commit);
          }
          return all;
        },
        [count, done = std::move(done)](absl::StatusOr<Unflushed> all) mutable {
          std::move(done)(all.ok() ? *std::move(all) : Unflushed(count, all.status()));
        });
  }

  void ReadHomes(absl::Time deadline, HomesDone done) override {
    Ask<std::vector<Home>>(
        deadline,
        [](SqliteConnection& connection, absl::Time now) -> absl::StatusOr<std::vector<Home>> {
          return ListHomes(connection, now);
        },
        std::move(done));
  }

  Description Describe() const override { return {"sqlite", "sqlite", options_.path, schema_version_, "", "", "", ""}; }

 private:
  static constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

  // Has the writer do one thing that cannot be refused.
  template <typename Subject>
  void Write(absl::Time deadline, Subject subject, void (*write)(SqliteConnection&, const Subject&), PingDone done) {
    std::vector<Subject> subjects;
    subjects.push_back(std::move(subject));
    writer_.Take(std::make_unique<BatchJob<Subject, Trial>>(
        std::move(subjects), deadline,
        [write](SqliteConnection& connection, const Subject& member, absl::Time /*now*/) -> absl::StatusOr<Trial> {
          write(connection, member);
          return Trial{};
        },
        [done = std::move(done)](const std::vector<absl::StatusOr<Trial>>& results) mutable {
          std::move(done)(results.front().status());
        }));
  }

  // Runs `ask` on a reader, in a transaction of its own, for the time of the store.
  template <typename Answer, typename Question, typename Done>
  void Ask(absl::Time deadline, Question ask, Done done) {
    readers_.Run(deadline, [this, ask = std::move(ask),
                            done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
      if (!connection.ok()) return std::move(done)(connection.status());
      auto answer = CatchSqlite([&]() -> absl::StatusOr<Answer> {
        storage::Run((*connection)->Prepare(sql::kBegin));
        return ask(**connection, clock_.Now());
      });
      (*connection)->RollBackQuietly();
      if (absl::IsDataLoss(answer.status())) (*connection)->ForgetPages();
      std::move(done)(std::move(answer));
    });
  }

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
  mutable absl::Mutex far_id_mutex_;
  // Its far id alone changes, under the mutex. nullopt: it is nobody's near store.
  std::optional<NearStoreIdentity> near_;
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

// Whether the file is what it is to be: a near store, or one by itself.
absl::StatusOr<std::optional<NearStoreIdentity>> IdentityOf(SqliteConnection& connection, bool is_near) {
  std::optional<NearStoreIdentity> near = SelectNearStore(connection);
  if (near.has_value() == is_near) return near;
  return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
               is_near
                   ? "is a store by itself, not the file of --write-behind; name another file"
                   : "is the file of --write-behind before another database, not a store by itself; name another file");
}

// `hiding_key` becomes the key that hides key ids, wrapped; empty: none does.
absl::StatusOr<std::unique_ptr<SqliteBackend>> OpenFile(SqliteOptions options, bool is_near, std::string* hiding_key) {
  absl::StatusOr<FileLock> lock = LockFile(options);
  if (!lock.ok()) return lock.status();
  return CatchSqlite([&]() -> absl::StatusOr<std::unique_ptr<SqliteBackend>> {
    auto writer = std::make_unique<SqliteConnection>(options.path, SqliteConnection::Mode::kReadWrite);
    const absl::StatusOr<PreparedSchema> schema =
        PrepareSqliteSchema(*writer, options.migrate, options.create, is_near ? RandomStoreId() : "");
    if (!schema.ok()) return schema.status();
    if (!options.without_keyring) {
      if (absl::Status fits = FitKeyring(*writer, options.keyring.get()); !fits.ok()) return fits;
      auto fitted = FitHidingKey(*writer, options.keyring.get(), options.hide_key_ids);
      if (!fitted.ok()) return fitted.status();
      *hiding_key = *std::move(fitted);
    }
    // Only now is it known to be ours: this changes the file.
    Configure(*writer);
    absl::StatusOr<std::optional<NearStoreIdentity>> near = IdentityOf(*writer, is_near);
    if (!near.ok()) return near.status();
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
    options.hide_key_ids = !hiding_key->empty();
    return std::make_unique<SqliteBackend>(std::move(options), *std::move(lock), *std::move(place), schema->version,
                                           *std::move(near), std::move(writer), std::move(readers));
  });
}

absl::StatusOr<std::unique_ptr<SqliteBackend>> Open(SqliteOptions options, bool is_near, std::string* hiding_key) {
  const std::string path = options.path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::InvalidArgumentError("is a folder, not a file");
  if (absl::Status log = CheckLogHasItsDatabase(path); !log.ok()) return log;
  if (!options.create || !HasMarker(path)) return OpenFile(std::move(options), is_near, hiding_key);
  options.create = false;
  auto backend = OpenFile(std::move(options), is_near, hiding_key);
  return absl::IsNotFound(backend.status()) ? MarkedStoreIsGone(path) : std::move(backend);
}

absl::StatusOr<std::unique_ptr<SqliteBackend>> OpenNamed(SqliteOptions options, bool is_near, std::string* hiding_key) {
  if (IsNoFile(options.path)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", options.path, "\" is not the path of a file"));
  }
  options.path = AbsolutePath(options.path);
  const std::string path = options.path;
  absl::StatusOr<std::unique_ptr<SqliteBackend>> backend = Open(std::move(options), is_near, hiding_key);
  if (backend.ok()) return backend;
  const absl::Status& cause = backend.status();
  absl::Status named(cause.code(), absl::StrCat(path, ": ", cause.message()));
  cause.ForEachPayload(
      [&named](absl::string_view type, const absl::Cord& payload) { named.SetPayload(type, payload); });
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> OpenSqliteBackend(SqliteOptions options) {
  const std::shared_ptr<const Keyring> keyring = options.keyring;
  std::string hiding_key;
  absl::StatusOr<std::unique_ptr<Backend>> backend = OpenNamed(std::move(options), /*is_near=*/false, &hiding_key);
  if (!backend.ok()) return backend;
  return WithHiddenNames(*std::move(backend), keyring.get(), hiding_key);
}

absl::StatusOr<std::unique_ptr<NearStore>> OpenSqliteNearStore(SqliteOptions options) {
  // What the flusher reads of the file are names as callers know them.
  if (options.hide_key_ids) {
    return absl::InvalidArgumentError(absl::StrCat(options.path, ": a near store does not hide key ids"));
  }
  std::string hiding_key;
  return OpenNamed(std::move(options), /*is_near=*/true, &hiding_key);
}

}  // namespace authstate::storage
