#include "storage/postgres/sql/commit_rows.h"

#include "storage/postgres/sql/row.h"

namespace authstate::storage {

std::vector<CommitRow> ToCommitRows(const pqxx::result& rows) {
  std::vector<CommitRow> commits;
  commits.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) {
    CommitRow& commit = commits.emplace_back();
    if (!row[0].is_null()) commit.passed = ToUint(row[0]);
    commit.revision = ToUint(row[1]);
    commit.present = ToBool(row[2]);
    commit.has_creds = ToBool(row[3]);
    commit.recorded = !row[4].is_null();
    commit.late = ToBool(row[5]);
    commit.micros = ToInt(row[6]);
    commit.lease.fence = ToUint(row[7]);
    commit.lease.owner = ToText(row[8]);
    commit.lease_is_live = ToBool(row[9]);
    commit.applied_number = ToUint(row[10]);
  }
  return commits;
}

std::vector<ResolvedRow> ToResolvedRows(const pqxx::result& rows) {
  std::vector<ResolvedRow> commits;
  commits.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) {
    ResolvedRow& commit = commits.emplace_back();
    if (!row[0].is_null()) commit.applied = ToUint(row[0]);
    if (!row[1].is_null()) commit.oldest_micros = ToInt(row[1]);
    commit.micros = ToInt(row[2]);
    commit.revision = ToUint(row[3]);
    commit.fence = ToUint(row[4]);
    commit.applied_number = ToUint(row[5]);
  }
  return commits;
}

}  // namespace authstate::storage
