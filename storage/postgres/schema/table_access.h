#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_TABLE_ACCESS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_TABLE_ACCESS_H_

#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/postgres_options.h"

// Who can reach the tables: this program has to, and nobody else should. On Supabase the roles of the public data API
// (`anon`, `authenticated`) have every right on a table that is made in `public`, unless it is taken from them.
namespace authstate::storage {

// Whether row level security hides rows of the layout's tables from our role: they would read as absent. Tables that
// are not there yet are left out. FailedPrecondition (kSchemaUnknown) when it may.
absl::Status CheckRowsAreVisible(PgConnection& connection, const Layout& layout, absl::Time deadline);

// Whether the layout can be served as the tables are: every statement of a commit and of a read is understood by the
// database and allowed to our role, no row is hidden from it, and Citus has distributed none of them, where commits
// fail and reads are torn. Once the schema is there; changes nothing. FailedPrecondition (kSchemaUnknown) when not.
absl::Status CheckTables(PgConnection& connection, const Layout& layout, absl::Time deadline);

// FailedPrecondition (kSchemaUnknown), with what to run, when others than the owner, our role and `allowed_roles` can
// reach the tables of ours, or row level security is off; a warning instead with `allow_exposed_tables`. Tables that
// are not ours to alter, and that others can read, are a warning always.
absl::Status CheckExposure(PgConnection& connection, const Layout& layout, const PostgresOptions& options,
                           absl::Time deadline);

// Runs one statement; after one has failed, answers without rows.
using RunStatement = absl::FunctionRef<pqxx::result(const char* sql, const PgConnection::Parameters& parameters)>;

// One line for each way in which others can reach the tables: `auth_creds: exposed: anon has DELETE, SELECT`.
std::vector<std::string> Exposures(RunStatement run, const LayoutSchema& schema,
                                   const std::vector<std::string>& allowed_roles);

// To be asked before Protect, and before a change of the schema that ends with it. FailedPrecondition (kSchemaUnknown)
// when that would close the tables to a role with which a server may be logged in, or a role of `allowed_roles` is not
// there.
absl::Status CheckRolesToProtectFrom(RunStatement run, const LayoutSchema& schema,
                                     const std::vector<std::string>& allowed_roles);

// Closes the tables to all but their owner and `allowed_roles`, within the transaction that is open, and returns the
// statements that it took; none when that is so already. The owner alone can.
std::vector<std::string> Protect(RunStatement run, const LayoutSchema& schema,
                                 const std::vector<std::string>& allowed_roles);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_TABLE_ACCESS_H_
