#include "storage/postgres/sql/commit_rows.h"

#include "storage/postgres/sql/row.h"

namespace authstate::storage {

std::vector<CommitRow> ToCommitRows(const pqxx::result& rows) {
  std::vector<CommitRow> commits;
  commits.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) {
    CommitRow& commit = commits.emplace_back();
    ReadRow(row, commit.passed, commit.revision, commit.present, commit.has_creds, commit.recorded, commit.late,
            commit.micros, commit.lease.fence, commit.lease.owner, commit.lease_is_live, commit.applied_number,
            commit.data_key);
  }
  return commits;
}

std::vector<ResolvedRow> ToResolvedRows(const pqxx::result& rows) {
  std::vector<ResolvedRow> commits;
  commits.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) {
    ResolvedRow& commit = commits.emplace_back();
    ReadRow(row, commit.applied, commit.oldest_micros, commit.micros, commit.revision, commit.fence,
            commit.applied_number);
  }
  return commits;
}

}  // namespace authstate::storage
