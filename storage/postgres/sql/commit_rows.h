#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_ROWS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_ROWS_H_

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/lease.h"

// What the statements answer that commit, and that tell what became of a commit: a row a member, by the names of its
// columns. Pure.
namespace authstate::storage {

// A row of statements::kCommit, or of those that do less.
struct CommitRow {
  // The revision that the commit led to; nullopt: it did not pass.
  std::optional<std::uint64_t> passed;
  // What the statement's snapshot had of the session.
  std::uint64_t revision = 0;
  bool present = false;
  bool has_creds = false;
  // The revision that an earlier commit with the same id led to, if it is among the last ones.
  std::optional<std::uint64_t> recorded;
  // The statement began too late, and did nothing.
  bool late = false;
  // The clock of the database, in microseconds since the Unix epoch.
  std::int64_t micros = 0;
  // Owner and fence alone.
  Lease lease;
  bool lease_is_live = false;
  std::uint64_t applied_number = 0;
  // The session's wrapped data key, in hex; empty where there is none, or the commit passed. Ends with the result.
  absl::string_view data_key;
};
std::vector<CommitRow> ToCommitRows(const pqxx::result& rows);

// A row of statements::kResolve.
struct ResolvedRow {
  // The revision that the commit led to; nullopt: it is not among the last ones.
  std::optional<std::uint64_t> applied;
  // When the oldest of the last ones ran; nullopt: there are fewer than are kept.
  std::optional<std::int64_t> oldest_micros;
  // The clock of the database before any barrier was raised, in microseconds since the Unix epoch.
  std::int64_t micros = 0;
  // The session as it is after all that the barrier does not shut out.
  std::uint64_t revision = 0;
  std::uint64_t fence = 0;
  std::uint64_t applied_number = 0;
};
std::vector<ResolvedRow> ToResolvedRows(const pqxx::result& rows);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_ROWS_H_
