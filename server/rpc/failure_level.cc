#include "server/rpc/failure_level.h"

#include "server/access/refusals.h"
#include "server/rpc/status_translation.h"
#include "storage/error.h"

namespace authstate::server {

LogLevel LevelOf(absl::string_view operation, const absl::Status& status) {
  // Who waits for a lease asks again several times a second; the first refusal has a line (server/log/lease_events.h).
  const bool acquires = operation == "AcquireLease" || operation == "attach";
  if (acquires && storage::ReasonOf(status) == storage::kLeaseHeld) return LogLevel::kDebug;
  // Whoever waits through maintenance asks again and again; that it has begun has a line.
  if (storage::ReasonOf(status) == storage::kMaintenance) return LogLevel::kDebug;
  if (IsUnmapped(status)) return LogLevel::kError;
  if (IsRefusal(status)) return LogLevel::kWarn;
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kNotFound:
      return LogLevel::kDebug;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return LogLevel::kInfo;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kFailedPrecondition:
      return LogLevel::kWarn;
    default:
      return LogLevel::kError;
  }
}

}  // namespace authstate::server
