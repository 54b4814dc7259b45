#include "server/access/refusals.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

absl::Status Refused(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return storage::WithOutcome(storage::Error(code, reason, message), storage::Outcome::kNotApplied);
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return Refused(absl::StatusCode::kUnauthenticated, reason, message);
}

absl::string_view NameOf(storage::Right right) {
  switch (right) {
    case storage::Right::kRead:
      return "read";
    case storage::Right::kWrite:
      return "write";
    case storage::Right::kSteal:
      return "steal";
    case storage::Right::kAdmin:
      return "admin";
  }
  return "a right that this server does not know";
}

}  // namespace

absl::Status NoToken() {
  return Unauthenticated(
      kNoToken,
      "this server serves those alone who show a token (`authorization: Bearer as_<id>_<secret>`), or "
      "a client certificate that it knows");
}

absl::Status MalformedToken() {
  return Unauthenticated(kBadToken, "what was sent as `authorization` is not one `Bearer` with a whole token after it");
}

absl::Status UnknownToken() { return Unauthenticated(kBadToken, "the token is none that this server knows"); }

absl::Status TokenExpired() { return Unauthenticated(kTokenExpired, "the token has expired"); }

absl::Status TokenRevoked() { return Unauthenticated(kTokenRevoked, "the token was revoked"); }

absl::Status CertificateUnknown() {
  return Unauthenticated(kCertificateUnknown, "no name of the client's certificate has rights that are in force");
}

absl::Status SessionOutOfScope() {
  return Refused(absl::StatusCode::kPermissionDenied, kSessionOutOfScope,
                 "the session is not among those that the caller has rights on");
}

absl::Status RightMissing(storage::Right right) {
  return Refused(absl::StatusCode::kPermissionDenied, kRightMissing,
                 absl::StrCat("the caller does not have the right it takes: ", NameOf(right)));
}

bool IsRefusal(const absl::Status& status) {
  const std::optional<std::string> reason = storage::ReasonOf(status);
  return reason.has_value() && std::find(std::begin(kRefusals), std::end(kRefusals), *reason) != std::end(kRefusals);
}

}  // namespace authstate::server
