#ifndef AUTHSTATE_STORAGE_SQLITE_HOMES_HOMES_H_
#define AUTHSTATE_STORAGE_SQLITE_HOMES_HOMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/homes/home_row.h"

// What a file keeps of the sessions of its far store (storage/near/near_store.h). `now` is the time of the store. All
// throw SQLite::Exception; those that change something do so inside a transaction that the caller has begun and will
// end.
namespace authstate::storage {

struct NearStoreIdentity {
  std::string id;
  std::string far_id;
  std::string far_layout;
};
// nullopt: the file is no near store.
std::optional<NearStoreIdentity> SelectNearStore(SqliteConnection& connection);
void InsertNearStore(SqliteConnection& connection, const std::string& id);
void SetFarStore(SqliteConnection& connection, const std::string& far_id);
void SetFarLayout(SqliteConnection& connection, const std::string& layout);

// After a commit that led to `revision`, and was not applied before: remembers what it changed. DataLoss where the row
// of the home is damaged, or gone: then the commit must not stay, which nothing would flush.
absl::Status RememberChanges(SqliteConnection& connection, const Commit& commit, std::uint64_t revision,
                             absl::Time now);

// Takes a step; an error means that nothing was changed.
absl::Status ApplyHomeChange(SqliteConnection& connection, const HomeChange& change, absl::Time now,
                             const SessionKeys& keys);

// Reads one moment, in a read transaction of the caller. NotFound where the session was never here; DataLoss where its
// home or what is to be flushed is damaged. Where it cannot be told what changed, that is everything.
absl::StatusOr<UnflushedChanges> SelectUnflushed(SqliteConnection& connection, const std::string& session_id,
                                                 absl::Time now, const SessionKeys& keys);

// NearStore::ReadHomes.
std::vector<Home> ListHomes(SqliteConnection& connection, absl::Time now);
// Whether what changed since the last flush can be told: all rows are as they were written, and none is gone.
bool ChangesAreSound(SqliteConnection& connection, const HomeRow& home);
void BeginChecksumsOfChanges(SqliteConnection& connection);
std::uint64_t CountChanges(SqliteConnection& connection, const std::string& session_id);

std::uint64_t CountOrphans(SqliteConnection& connection);
// NearStore::ReadCopies.
std::vector<Home> ListCopies(SqliteConnection& connection, const std::string& after, std::size_t limit, absl::Time now);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_HOMES_HOMES_H_
