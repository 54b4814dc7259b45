#include "server/pipe/failure_log.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/log/logging.h"
#include "server/rpc/failure_level.h"
#include "storage/error.h"

namespace authstate::server::pipe {

void FailureLog::Add(const FailedOperation& failure, absl::Time now) {
  const LogLevel level = LevelOf(failure.operation, failure.status);
  if (!LogEnabled(level)) return;
  const std::optional<std::uint64_t> unlogged = limit_.Take(now);
  if (!unlogged.has_value()) return;
  LogFields fields = {
      {"operation", std::string(failure.operation)},
      {"code", absl::StatusCodeToString(failure.status.code())},
      {"request_id", request_id_},
      {"error", std::string(failure.status.message())},
  };
  if (!failure.session_id.empty()) fields.emplace_back("session_id", failure.session_id);
  if (const auto reason = storage::ReasonOf(failure.status)) fields.emplace_back("reason", *reason);
  if (*unlogged > 0) fields.emplace_back("more_unlogged", absl::StrCat(*unlogged));
  Log(level, "pipe operation failed", fields);
}

}  // namespace authstate::server::pipe
