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
  if (absl::Status advanced = Advance(request, now, &row.lease, &row.applied_number); !advanced.ok()) return advanced;
  if (request.action != LeaseRequest::Action::kGet) {
    row.lease_ttl = request.ttl;
    UpsertSessionRow(connection, request.session_id, row);
  }
  return LeaseResult{row.lease, row.revision, row.applied_number};
}

}  // namespace authstate::storage
