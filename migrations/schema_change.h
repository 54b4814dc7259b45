#ifndef AUTHSTATE_MIGRATIONS_SCHEMA_CHANGE_H_
#define AUTHSTATE_MIGRATIONS_SCHEMA_CHANGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/schema.h"
#include "storage/schema_store.h"

// What `authstatectl schema` does to a database. Functions without state; a store is used by one at a time.
namespace authstate::migrations {

struct SchemaState {
  // 0 when the database has no schema of ours.
  std::uint32_t version = 0;
  // The latest version that this program knows.
  std::uint32_t known = 0;
  std::vector<storage::AppliedMigration> applied;
  // What `up` would apply.
  std::vector<storage::Migration> pending;
};

// FailedPrecondition when the schema is not one that this program can serve or bring up to date: a changed file, a gap,
// a newer version that does not allow this one beside it.
absl::StatusOr<SchemaState> ReadSchemaState(storage::SchemaStore& store);

// Told of each migration once it has been committed.
using Progress = std::function<void(const storage::Migration&)>;

// Applies what is pending, each file in a transaction of its own, and returns how many there were. Of several who do so
// at once one works, the others wait and then find less, or nothing, to do. An empty database is filled in one
// transaction: a server that starts meanwhile would not know what to do with a half-made schema.
absl::StatusOr<int> UpgradeSchema(storage::SchemaStore& store, absl::Duration lock_timeout, const Progress& progress);

// Takes back what is above version `to`, the latest first, each in a transaction of its own. Loses what these files
// keep. Returns how many there were.
absl::StatusOr<int> RollBackSchema(storage::SchemaStore& store, std::uint32_t to, absl::Duration lock_timeout,
                                   const Progress& progress);

// Takes the rights on the tables from every role but their owner and those that the options name. With `dry_run` it is
// undone again. Returns what it took, in the words of the database.
absl::StatusOr<std::vector<std::string>> ProtectSchema(storage::SchemaStore& store, absl::Duration lock_timeout,
                                                       bool dry_run);

// What differs between the tables that are there and those that the applied migrations make, and the ways in which
// other roles can reach them: one line each. Checks the checksums too, as ReadSchemaState does.
absl::StatusOr<std::vector<std::string>> VerifySchema(storage::SchemaStore& store);

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_SCHEMA_CHANGE_H_
