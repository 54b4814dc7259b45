#ifndef AUTHSTATE_SERVER_HANDLERS_PAGE_TOKEN_H_
#define AUTHSTATE_SERVER_HANDLERS_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The page token of ListSessions: opaque to callers, the last id of the page inside, which may be one of the legacy
// tables that no request can name. It stays valid across restarts of the server.
namespace authstate::server {

std::string MakePageToken(absl::string_view last_session_id);

// InvalidField for `page_token` when MakePageToken did not make it.
absl::StatusOr<std::string> ParsePageToken(absl::string_view token);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_PAGE_TOKEN_H_
