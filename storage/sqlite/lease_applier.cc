#include "storage/sqlite/lease_applier.h"

#include <utility>

#include "storage/error.h"
#include "storage/sqlite/session_row.h"

namespace authstate::storage {

absl::StatusOr<LeaseResult> ApplyLeaseRequest(SqliteConnection& connection, const LeaseRequest& request,
                                              absl::Time now) {
  absl::StatusOr<SessionRow> found = SelectSessionRow(connection, request.session_id, now);
  if (!found.ok()) return WithOutcome(found.status(), Outcome::kNotApplied);
  SessionRow& row = *found;
  LeaseResult session = {row.lease, row.revision, row.applied_number, row.recent_commits, row.updated_at};
  if (absl::Status advanced = Advance(request, now, &session); !advanced.ok()) return advanced;
  if (request.action != LeaseRequest::Action::kGet) {
    row.lease = session.lease;
    row.lease_ttl = request.ttl;
    row.applied_number = session.applied_number;
    row.revision = session.revision;
    UpsertSessionRow(connection, request.session_id, row);
  }
  return session;
}

}  // namespace authstate::storage
