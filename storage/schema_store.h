#ifndef AUTHSTATE_STORAGE_SCHEMA_STORE_H_
#define AUTHSTATE_STORAGE_SCHEMA_STORE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/schema.h"

namespace authstate::storage {

// The schema of one database, for those who change it by hand (migrations/): what is decided there is carried out here,
// in the words of the database. Blocks. Not thread-safe; a transaction that is open when it is destroyed is undone.
class SchemaStore {
 public:
  // A fact about a table (or a function) of ours: its name, and a line that tells of one column, key or index.
  using Fact = std::pair<std::string, std::string>;

  virtual ~SchemaStore() = default;

  // For people; no secrets.
  virtual std::string location() const = 0;
  // `native` or `legacy`; empty where there is no choice.
  virtual std::string layout() const = 0;

  // The files that this program knows, for the layout of the database.
  virtual absl::Span<const Migration> known() const = 0;

  // What the database has had, in order; nothing when it has no schema of ours.
  virtual absl::StatusOr<std::vector<AppliedMigration>> Applied() = 0;

  // Begins a transaction in which nobody else changes the schema. Waits for others, and for tables in use, at most
  // `lock_timeout`: then Unavailable. What follows fails as a whole: after an error there is nothing left but RollBack.
  virtual absl::Status Begin(absl::Duration lock_timeout) = 0;
  virtual absl::Status Apply(const Migration& migration) = 0;
  virtual absl::Status Revert(const Migration& migration) = 0;
  // Takes the rights on our tables from every role but their owner and those that the options name; so does Apply.
  // Returns what it took, in the words of the database; nothing when that is so already, or files have owners only.
  // FailedPrecondition when that could close them to a server.
  virtual absl::StatusOr<std::vector<std::string>> Protect() = 0;
  virtual absl::Status Commit() = 0;
  virtual void RollBack() = 0;

  // The ways in which other roles can reach our tables, one line each; outside a transaction too.
  virtual absl::StatusOr<std::vector<std::string>> Exposures() = 0;

  // What the catalogue says of the tables that are there, and of those that `migrations` make, which are made aside and
  // undone again. Both in order, within a transaction of their own. The first leaves out tables that the second does
  // not have: they are somebody else's.
  struct Structure {
    std::vector<Fact> present;
    std::vector<Fact> wanted;
  };
  virtual absl::StatusOr<Structure> Compare(absl::Span<const Migration> migrations) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SCHEMA_STORE_H_
