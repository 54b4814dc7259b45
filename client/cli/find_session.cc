#include "client/cli/find_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/names.h"

namespace authstate::cli {

absl::StatusOr<std::optional<client::SessionSummary>> FindSession(client::Client& client,
                                                                  const std::string& session_id) {
  // An empty id would be a legal prefix.
  const absl::Status valid = CheckSessionId(session_id);
  if (!valid.ok()) return absl::InvalidArgumentError(absl::StrCat("the session id: ", valid.message()));
  // Among all ids that begin with this one, itself comes first.
  client::SessionSummary first;
  bool any = false;
  const absl::StatusOr<client::SessionListing> listing =
      client.ListSessions({session_id}, [&first, &any](client::SessionSummary session) {
        first = std::move(session);
        any = true;
        return absl::CancelledError("the first is enough");
      });
  if (!any && !listing.ok()) return listing.status();
  if (!any || first.session_id != session_id) return std::optional<client::SessionSummary>();
  return std::optional<client::SessionSummary>(std::move(first));
}

}  // namespace authstate::cli
