#ifndef AUTHSTATE_CLIENT_CPP_ERROR_H_
#define AUTHSTATE_CLIENT_CPP_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// What a failed call of the client says beside its code and message. The facts come from the server's
// google.rpc.ErrorInfo and google.rpc.RetryInfo; an error that never reached a server has few of them.
namespace authstate::client {

// Whether a failed mutation may have been applied.
enum class Outcome : std::uint8_t {
  kNotApplied,
  // In doubt: also when the connection was lost before an answer came.
  kUnknown,
};

// The reason that the client itself gives where a server of an older version ignores a part of what it is asked for.
inline constexpr absl::string_view kServerTooOld = "SERVER_TOO_OLD";
// Likewise where a server answers that it does not serve.
inline constexpr absl::string_view kNotServing = "NOT_SERVING";

// The reason, such as "NO_CREDS" or "REVISION_MISMATCH".
std::optional<std::string> ReasonOf(const absl::Status& status);
// The request field at fault, as in `sets[3].key.id`.
std::optional<std::string> FieldOf(const absl::Status& status);
// Given for every failed mutation; nullopt for a failed read.
std::optional<Outcome> OutcomeOf(const absl::Status& status);
// The session's revision, where the server knew it.
std::optional<std::uint64_t> RevisionOf(const absl::Status& status);
// The session's current fence, and who holds its lease (empty: nobody), where the lease is the reason.
std::optional<std::uint64_t> FenceOf(const absl::Status& status);
std::optional<std::string> OwnerOf(const absl::Status& status);
// The id under which the server logged the request.
std::optional<std::string> RequestIdOf(const absl::Status& status);
// How long the server asks to wait before the next try.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// The same status with this reason and no other detail of its kind.
absl::Status WithReason(absl::Status status, absl::string_view reason);
// The same status with this outcome, in place of the one it had. An OK status is returned as it is.
absl::Status WithOutcome(absl::Status status, Outcome outcome);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_ERROR_H_
