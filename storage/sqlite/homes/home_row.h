#ifndef AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_
#define AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/sqlite/connection.h"

// The row of a session in auth_homes. All throw SQLite::Exception.
namespace authstate::storage {

struct HomeRow {
  Home home;
  // Whether the next flush is of everything; on its way here: whether there is no copy yet.
  bool whole = false;
};

// nullopt: the session was never here.
std::optional<HomeRow> SelectHome(SqliteConnection& connection, const std::string& session_id, absl::Time now);

// Numbers and times as they are stored. InfinitePast, which is not known, is 0; else microseconds since the Unix epoch.
std::int64_t StoredNumber(std::uint64_t number);
std::int64_t StoredTime(absl::Time time);

// A prepared statement with the session as its first parameter.
SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, const std::string& session_id);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_ROW_H_
