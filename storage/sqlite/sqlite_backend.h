#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_BACKEND_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_BACKEND_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "keyring/keyring.h"
#include "storage/backend.h"
#include "storage/counts/statement_stats.h"
#include "storage/near/near_store.h"

namespace authstate::storage {

struct SqliteOptions {
  // The database file; made, readable by its owner alone, when it is not there. Its folder must exist. A relative path
  // is made absolute at once: the store is then told by it.
  std::string path;
  // Whether a store may be made where there is none, and never was one (storage/sqlite/store_marker.h).
  bool create = true;
  // Told the absolute path once a new, empty store was made; null: nobody.
  std::function<void(const std::string& path)> on_created;
  // Threads that read, each with a connection of its own. One more is for lone reads of more than a megabyte, so that
  // many of them keep nobody else waiting.
  int readers = 4;
  // Snapshots open at once.
  int snapshots = 16;
  // Calls that wait for the writer, and calls that wait for a reader; what comes on top is refused with kQueueFull.
  std::size_t queue_limit = 4096;
  // Whether an older schema may be brought up to date.
  bool migrate = false;
  // What new sessions are sealed under (storage/sealing/session_keys.h); null: they are not, and a store that was
  // opened with a keyring before is refused with FailedPrecondition, reason kKeyringMismatch.
  std::shared_ptr<const Keyring> keyring;
  // Whether to hide key ids in a store without sessions, which then always hides them (storage/sealing/hidden_names.h).
  // With sessions: FailedPrecondition, reason kKeyringMismatch. Needs a keyring.
  bool hide_key_ids = false;
  // Whether to open a store that is encrypted also without its keyring, for who reads and writes no session.
  bool without_keyring = false;
  // Where each group of commits, and each read, is counted as one statement; null: nowhere.
  std::shared_ptr<StatementStats> stats;
};

// The embedded store: one SQLite file in WAL mode with synchronous=FULL. One thread writes at a time, and commits
// whatever has gathered while it was busy as one transaction (group commit); readers work beside it and never wait for
// it. A lone small commit is made, and answered, within Apply while the disk is quick (GroupWriter::TakeSmall). Writes,
// snapshots and signs of life are Unavailable (reason kDatabaseMoved) while the file or its log is not where it was
// when it was opened; a write that was under way at that moment is in doubt.
//
// Fails with InvalidArgument or PermissionDenied when the file cannot be opened for writing, NotFound when there is no
// store and none may be made, FailedPrecondition when another process serves it, under whatever name, when there was a
// store and it is gone, or when its schema is unknown (reason kSchemaUnknown), DataLoss when it is no database. Every
// message starts with the absolute path.
absl::StatusOr<std::unique_ptr<Backend>> OpenSqliteBackend(SqliteOptions options);

// The same as the near store of another one. A file is one or the other: FailedPrecondition, reason kNearStoreMismatch,
// where it is not what is asked for.
absl::StatusOr<std::unique_ptr<NearStore>> OpenSqliteNearStore(SqliteOptions options);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_BACKEND_H_
