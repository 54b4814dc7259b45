#include "client/cli/find_session.h"

#include <utility>

#include "contract/names.h"

namespace authstate::cli {

absl::StatusOr<std::optional<client::SessionSummary>> FindSession(client::Client& client,
                                                                  const std::string& session_id) {
  // An empty id would be a legal prefix.
  const absl::Status valid = CheckSessionId(session_id);
  if (!valid.ok()) return absl::InvalidArgumentError("the session id is " + std::string(valid.message()));
  // Of all ids that begin with this one, itself comes first.
  client::SessionSummary first;
  bool any = false;
  const absl::Status status = client.ListSessions(session_id, [&first, &any](client::SessionSummary session) {
    first = std::move(session);
    any = true;
    return absl::CancelledError("the first is enough");
  });
  if (!any && !status.ok()) return status;
  if (!any || first.session_id != session_id) return std::optional<client::SessionSummary>();
  return std::optional<client::SessionSummary>(std::move(first));
}

}  // namespace authstate::cli
