#ifndef AUTHSTATE_STORAGE_SQLITE_SEALING_KEYRING_TABLE_H_
#define AUTHSTATE_STORAGE_SQLITE_SEALING_KEYRING_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyring/keyring.h"
#include "storage/sealing/keyring_marks.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The keys that the store knows. Throws SQLite::Exception.
std::vector<KeyringMark> KeyringMarks(SqliteConnection& connection);

// Checks the keyring of a server that opens the store against the keys that the store knows (CheckKeyring), and has it
// remember the active one: from then on no server serves it without that, nor one of a version that knows no encrypted
// sessions. Null: there is none. Throws SQLite::Exception.
absl::Status FitKeyring(SqliteConnection& connection, const Keyring* keyring);

// The key that hides key ids, wrapped; empty: they are not hidden. Throws SQLite::Exception.
std::string HidingKey(SqliteConnection& connection);

// The same, after FitKeyring, made in a store without sessions where `hide` says so. Null: there is no keyring, and
// nothing is hidden. Fails as CannotHideNames. Throws SQLite::Exception.
absl::StatusOr<std::string> FitHidingKey(SqliteConnection& connection, const Keyring* keyring, bool hide);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SEALING_KEYRING_TABLE_H_
