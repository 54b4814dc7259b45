#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyring/keyring.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"
#include "storage/sealing/keyring_marks.h"

namespace authstate::storage {

// The keys that the database knows. The layout is one that can be encrypted.
absl::StatusOr<std::vector<KeyringMark>> KeyringMarks(PgConnection& connection, const Layout& layout,
                                                      absl::Time deadline);

// FailedPrecondition with reason kKeyringMismatch.
absl::Status LegacyCannotBeSealed();

// Checks the keyring of a server that opens the database against the keys that this knows (CheckKeyring), and has it
// remember the active one: from then on no server opens it without that, nor one of a version that knows no encrypted
// sessions. Null: there is none. Of several that remember a key at once one does, and the others are checked against
// it.
absl::Status FitKeyring(PgConnection& connection, const Layout& layout, const Keyring* keyring, absl::Time deadline);

// The key that hides key ids, wrapped; empty: they are not hidden. The layout is one that can be encrypted.
absl::StatusOr<std::string> HidingKey(PgConnection& connection, const Layout& layout, absl::Time deadline);

// The same, after FitKeyring, made in a database without sessions where `hide` says so. Of several servers that make
// one at once one does. Null: there is no keyring, and nothing is hidden. Fails as
// CannotHideNames.
absl::StatusOr<std::string> FitHidingKey(PgConnection& connection, const Layout& layout, const Keyring* keyring,
                                         bool hide, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_
