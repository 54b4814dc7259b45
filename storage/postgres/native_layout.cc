#include <cstddef>
#include <limits>

#include "storage/postgres/commit_writes_statement.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/lease_statements.h"
#include "storage/postgres/postgres_schema.h"
#include "storage/postgres/row.h"
#include "storage/postgres/statements.h"

namespace authstate::storage {

const Layout& NativeLayout() {
  static constexpr Layout kLayout = {
      /*name=*/"native",
      /*commit=*/statements::kCommit,
      /*commit_writes=*/statements::kCommitWrites.text,
      /*commit_sets=*/statements::kCommitSets.text,
      /*most_keys_by_a_kept_plan=*/std::numeric_limits<std::size_t>::max(),
      /*resolve=*/statements::kResolve,
      /*leases=*/statements::kLeases,
      /*read=*/statements::kRead,
      /*list=*/statements::kList,
      /*snapshot_head=*/statements::kSnapshotHead,
      /*snapshot_page=*/statements::kSnapshotPage,
      /*schema=*/
      {PostgresMigrations, statements::kHasSchema, statements::kAppliedMigrations, statements::kCreateMigrationsTable,
       statements::kLockMigrationsTable, statements::kRecordMigration, statements::kForgetMigration},
      /*hidden_rows=*/nullptr,
      /*purge=*/nullptr,
      /*packs_values=*/true,
      /*encode=*/nullptr,
      /*to_value=*/ToValue,
      /*refuses=*/nullptr,
  };
  return kLayout;
}

}  // namespace authstate::storage
