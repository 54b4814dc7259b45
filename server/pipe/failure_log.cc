#include "server/pipe/failure_log.h"

#include "absl/strings/str_cat.h"
#include "server/failure_level.h"
#include "server/logging.h"
#include "storage/error.h"

namespace authstate::server::pipe {
namespace {

constexpr int kLinesPerSecond = 10;

}  // namespace

void FailureLog::Add(const Failure& failure, absl::Time now) {
  const LogLevel level = LevelOf(failure.status);
  if (!LogEnabled(level)) return;
  if (now - second_ >= absl::Seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_ >= kLinesPerSecond) {
    ++unlogged_;
    return;
  }
  ++lines_;
  LogFields fields = {
      {"operation", std::string(failure.operation)},
      {"code", absl::StatusCodeToString(failure.status.code())},
      {"request_id", request_id_},
      {"error", std::string(failure.status.message())},
  };
  if (!failure.session_id.empty()) fields.emplace_back("session_id", failure.session_id);
  if (const auto reason = storage::ReasonOf(failure.status)) fields.emplace_back("reason", *reason);
  if (unlogged_ > 0) fields.emplace_back("more_unlogged", absl::StrCat(unlogged_));
  unlogged_ = 0;
  Log(level, "pipe operation failed", fields);
}

}  // namespace authstate::server::pipe
