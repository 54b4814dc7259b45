#ifndef AUTHSTATE_SERVER_ACCESS_REFUSALS_H_
#define AUTHSTATE_SERVER_ACCESS_REFUSALS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/grant.h"

// How a caller is refused, with reasons as storage/error.h has them. All are NOT_APPLIED: who calls is asked before
// anything is done. No message tells more than the caller knows, but that a token which it has the secret of has ended.
namespace authstate::server {

// Unauthenticated: nothing that this server knows was shown, or it has ended.
inline constexpr absl::string_view kNoToken = "NO_TOKEN";
inline constexpr absl::string_view kBadToken = "BAD_TOKEN";
inline constexpr absl::string_view kTokenExpired = "TOKEN_EXPIRED";
inline constexpr absl::string_view kTokenRevoked = "TOKEN_REVOKED";
inline constexpr absl::string_view kCertificateUnknown = "CERTIFICATE_UNKNOWN";
// PermissionDenied: the caller is known, and may not do that.
inline constexpr absl::string_view kSessionOutOfScope = "SESSION_OUT_OF_SCOPE";
inline constexpr absl::string_view kRightMissing = "RIGHT_MISSING";
inline constexpr absl::string_view kRefusals[] = {
    kNoToken, kBadToken, kTokenExpired, kTokenRevoked, kCertificateUnknown, kSessionOutOfScope, kRightMissing};

absl::Status NoToken();
absl::Status MalformedToken();
// The same for an id that is not known and for a wrong secret.
absl::Status UnknownToken();
absl::Status TokenExpired();
absl::Status TokenRevoked();
absl::Status CertificateUnknown();

// The same whether the session exists or not.
absl::Status SessionOutOfScope();
absl::Status RightMissing(storage::Right right);

// Whether `status` is one of the above.
bool IsRefusal(const absl::Status& status);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_REFUSALS_H_
