#include "server/failure_level.h"

#include "server/status_translation.h"

namespace authstate::server {

LogLevel LevelOf(const absl::Status& status) {
  if (IsUnmapped(status)) return LogLevel::kError;
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
