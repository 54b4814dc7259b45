#ifndef AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_
#define AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/sqlite/connection.h"

// The row of a session in auth_homes. It ends with a checksum (storage/checksum.h) over all that it has: a damaged byte
// must never have a session served that is elsewhere, or keep one from being flushed. All throw SQLite::Exception.
namespace authstate::storage {

struct HomeRow {
  Home home;
  // Whether the next flush is of everything; on its way here: whether there is no copy yet.
  bool whole = false;
  // How many rows auth_changes has of the session: the checksums of these do not tell of one that is gone.
  std::uint64_t changes = 0;
};

// nullopt: the session was never here. DataLoss where its row is not what was written.
absl::StatusOr<std::optional<HomeRow>> SelectHome(SqliteConnection& connection, const std::string& session_id,
                                                  absl::Time now);
// Writes what the row itself has of `row`: revision, lease and bytes are of other tables.
void UpsertHome(SqliteConnection& connection, const HomeRow& row);
// Has the rows of a file of a version before, which has none, checked from now on, by what they are now. Inside a
// transaction that the caller has begun and will end.
void BeginChecksums(SqliteConnection& connection);

// Numbers and times as they are stored. InfinitePast, which is not known, is 0; else microseconds since the Unix epoch.
std::int64_t StoredNumber(std::uint64_t number);
std::int64_t StoredTime(absl::Time time);

// What is known to be damaged is where the session is at home, or what of it is not flushed.
absl::Status DamagedHome(const std::string& session_id);

// A prepared statement with the session as its first parameter.
SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, const std::string& session_id);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_
