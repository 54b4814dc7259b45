#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keyring/keyring.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"

namespace authstate::storage {

// Checks the keyring of a server that opens the database against the keys that this knows (CheckKeyring), and has it
// remember the active one: from then on no server opens it without that, nor one of a version that knows no encrypted
// sessions. Null: there is none. Of several that remember a key at once one does, and the others are checked against
// it.
absl::Status FitKeyring(PgConnection& connection, const Layout& layout, const Keyring* keyring, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_KEYRING_TABLE_H_
