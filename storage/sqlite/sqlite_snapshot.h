#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_SNAPSHOT_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_SNAPSHOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/session_row.h"

namespace authstate::storage {

// A place among the snapshots that may be open at once; given back when it is destroyed.
class SnapshotPlace {
 public:
  // Takes a place of `open`, unless `limit` are taken. `open` outlives the place.
  static std::optional<SnapshotPlace> Take(std::atomic<int>* open, int limit);

  SnapshotPlace(SnapshotPlace&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
  SnapshotPlace& operator=(SnapshotPlace&&) = delete;
  ~SnapshotPlace();

 private:
  explicit SnapshotPlace(std::atomic<int>* open) : open_(open) {}

  std::atomic<int>* open_;
};

// A read transaction on a connection of its own; its pages are read on the pool's threads. The last page is DataLoss
// when the names that were looked at are not all that the session should have.
class SqliteSnapshot final : public Snapshot {
 public:
  // Begins the transaction. NotFound when the session does not exist. `now` is the time of the store. Throws
  // SQLite::Exception.
  static absl::StatusOr<std::unique_ptr<Snapshot>> Open(const std::string& path, SnapshotRequest request,
                                                        absl::Time now, const SessionKeys& keys, ReaderPool* readers,
                                                        SnapshotPlace place);

  std::uint64_t revision() const override { return session_.revision; }
  const std::optional<Value>& creds() const override { return session_.creds; }
  const Lease& lease() const override { return row_.lease; }
  const RecentCommits& recent_commits() const override { return row_.recent_commits; }
  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override;

 private:
  SqliteSnapshot(std::unique_ptr<SqliteConnection> connection, SnapshotRequest request, absl::Time now,
                 ReadResult session, SessionRow row, std::optional<DataKey> data_key, ReaderPool* readers,
                 SnapshotPlace place);

  absl::StatusOr<Page> ReadPage(std::size_t max_bytes);

  const std::unique_ptr<SqliteConnection> connection_;
  const SnapshotRequest request_;
  const absl::Time now_;
  const ReadResult session_;
  const SessionRow row_;
  const std::optional<DataKey> data_key_;
  ReaderPool* const readers_;
  const SnapshotPlace place_;
  // Its sum has the creds' name too.
  KeysRead read_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_SNAPSHOT_H_
