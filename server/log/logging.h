#ifndef AUTHSTATE_SERVER_LOG_LOGGING_H_
#define AUTHSTATE_SERVER_LOG_LOGGING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

// The server's log: structured lines on standard error, written by a thread of its own so that no caller ever waits for
// the terminal or a full pipe; when the reader falls far behind, the oldest lines are dropped. Thread-safe.
//
// Nobody passes creds, keys, tokens or passwords to it: fields hold ids, codes, sizes and durations.
namespace authstate::server {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t {
  // {"time":"…","level":"info","message":"…", fields…}, one object a line.
  kJson,
  // time level message field=value …, for people.
  kText,
};

using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

// Starts logging at `level` and above. Until then, and after StopLogging, lines are dropped.
void StartLogging(LogLevel level, LogFormat format);
// Writes what is queued, then stops.
void StopLogging();

bool LogEnabled(LogLevel level);
void Log(LogLevel level, absl::string_view message, const LogFields& fields = {});

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_LOGGING_H_
