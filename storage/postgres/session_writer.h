#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_WRITER_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_WRITER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/patch_bases.h"
#include "storage/postgres/pg_connection.h"

namespace authstate::storage {

// Backend::Apply on one connection; blocks until every commit has its result.
//
// The commits go in waves: one statement each, with the first pending commit of every session, up to a bound of bytes
// and members. A commit that lost a race against another connection goes again with the next wave, until the deadline.
// What is in doubt is looked up (commit_resolution.h) and sent again only once it is known not to have been applied; a
// commit without an id cannot be looked up and stays in doubt.
//
// Long values are patched where `bases` has theirs; it outlives the call. Null: all are written whole.
std::vector<absl::StatusOr<Applied>> ApplyCommits(PgConnection& connection, const Layout& layout,
                                                  std::vector<Commit> commits, absl::Time deadline,
                                                  PatchBases* bases = nullptr);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_WRITER_H_
