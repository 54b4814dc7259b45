#ifndef AUTHSTATE_STORAGE_SQLITE_FILE_BACKEND_H_
#define AUTHSTATE_STORAGE_SQLITE_FILE_BACKEND_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/group_writer.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/store_place.h"
#include "storage/sqlite/write_job.h"
#include "storage/store_clock.h"

namespace authstate::storage {

// A file that may be served: it is locked, and its schema and its keyring are those that it should have.
struct OpenedFile {
  SqliteOptions options;
  FileLock lock;
  StorePlace place;
  std::uint32_t schema_version = 0;
  // nullopt: it is nobody's near store.
  std::optional<NearStoreIdentity> near;
  // The id of a store by itself (Description::store_id).
  std::string store_id;
  // That hides key ids, wrapped; empty: none does.
  std::string hiding_key;
  std::unique_ptr<SqliteConnection> writer;
  // One more than SqliteOptions::readers.
  std::vector<std::unique_ptr<SqliteConnection>> readers;
};

// Opens the file as a near store, or as one by itself; errors are those of OpenSqliteBackend.
absl::StatusOr<OpenedFile> OpenSqliteFile(SqliteOptions options, bool is_near);

// Reads something, past what is in memory. Throws SQLite::Exception.
void SignOfLife(SqliteConnection& connection);

// The sessions of one file, and what whoever knows its other tables reads and writes there. Thread-safe.
class FileBackend final : public Backend {
 public:
  // Called after each commit that was applied, and not before, inside its transaction. Where it fails the commit is
  // undone, and fails with that. Throws SQLite::Exception.
  using AfterCommit = absl::Status (*)(SqliteConnection&, const Commit&, std::uint64_t revision, absl::Time now);
  // The result of what has none.
  struct Nothing {};

  // `after_commit` may be null.
  FileBackend(OpenedFile file, AfterCommit after_commit);
  ~FileBackend() override;
  FileBackend(const FileBackend&) = delete;
  FileBackend& operator=(const FileBackend&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override;
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override;
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override;
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override;
  void List(ListRequest request, absl::Time deadline, ListDone done) override;
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override;
  void Ping(absl::Time deadline, PingDone done) override;
  Description Describe() const override;

  const SessionKeys& keys() const { return keys_; }

  // Has the writer do `write` to each subject in turn.
  template <typename Subject>
  void WriteEach(std::vector<Subject> subjects, absl::Time deadline, typename BatchJob<Subject, Nothing>::Do write,
                 typename BatchJob<Subject, Nothing>::Done done) {
    writer_.Take(
        std::make_unique<BatchJob<Subject, Nothing>>(std::move(subjects), deadline, std::move(write), std::move(done)));
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

 private:
  void ReadBy(ReaderPool* readers, std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done);
  // Those that stay open: of the readers, of the one for large answers, and of the writer.
  int Connections() const { return options_.readers + 2; }

  const SqliteOptions options_;
  const FileLock lock_;
  const StorePlace place_;
  const StoreClock clock_;
  const std::uint32_t schema_version_;
  const std::string store_id_;
  const AfterCommit after_commit_;
  const SessionKeys keys_;
  std::atomic<int> open_snapshots_ = 0;
  // The writer goes last: its connection is the one that can fold the log into the file when it closes.
  GroupWriter writer_;
  // Takes what the others have found to be large, until they are gone.
  ReaderPool large_reader_;
  ReaderPool readers_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_FILE_BACKEND_H_
