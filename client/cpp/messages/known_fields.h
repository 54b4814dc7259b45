#ifndef AUTHSTATE_CLIENT_CPP_MESSAGES_KNOWN_FIELDS_H_
#define AUTHSTATE_CLIENT_CPP_MESSAGES_KNOWN_FIELDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "authstate/v1/auth_state_service.pb.h"

// A server of an older version ignores the fields of a request that it does not know, and answers as if nobody had set
// them: every session in place of those of a filter. Its answer says up to which field it knows the request.
namespace authstate::client {

// The names of the fields set in `request` that the server which answered `knows_fields_up_to` has ignored.
std::vector<std::string> IgnoredFields(const v1::ListSessionsRequest& request, std::uint32_t knows_fields_up_to);
std::vector<std::string> IgnoredFields(const v1::LoadSessionRequest& request, std::uint32_t knows_fields_up_to);

// FailedPrecondition (SERVER_TOO_OLD). `version`: the server's; empty: it did not tell.
absl::Status ServerTooOld(absl::string_view version, const std::vector<std::string>& ignored);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_MESSAGES_KNOWN_FIELDS_H_
