#include "server/log/logging.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::server {
namespace {

constexpr std::size_t kQueuedLines = 8192;
constexpr absl::string_view kTimeFormat = "%Y-%m-%dT%H:%M:%E3SZ";

struct Logging {
  std::shared_ptr<spdlog::details::thread_pool> writer;
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kJson;
};

std::shared_ptr<const Logging>& Current() {
  static auto* const current = new std::shared_ptr<const Logging>();
  return *current;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

absl::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// On one line. What is not UTF-8 is written as far as it is.
template <typename Json>
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string JsonLine(absl::string_view time, LogLevel level, absl::string_view message, const LogFields& fields) {
  nlohmann::ordered_json line;
  line["time"] = std::string(time);
  line["level"] = std::string(Name(level));
  line["message"] = std::string(message);
  for (const auto& [name, value] : fields) line[std::string(name)] = value;
  return Dump(line);
}

std::string TextLine(absl::string_view time, LogLevel level, absl::string_view message, const LogFields& fields) {
  std::string line = absl::StrCat(time, " ", Name(level), " ", message);
  for (const auto& [name, value] : fields) {
    const bool quote = value.empty() || absl::StrContains(value, ' ') || absl::StrContains(value, '\n');
    absl::StrAppend(&line, " ", name, "=", quote ? Dump(nlohmann::json(value)) : value);
  }
  return line;
}

}  // namespace

void StartLogging(LogLevel level, LogFormat format) {
  auto logging = std::make_shared<Logging>();
  logging->format = format;
  logging->writer = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  logging->logger =
      std::make_shared<spdlog::async_logger>("authstated", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             logging->writer, spdlog::async_overflow_policy::overrun_oldest);
  logging->logger->set_pattern("%v");
  logging->logger->set_level(ToSpdlog(level));
  std::atomic_store(&Current(), std::shared_ptr<const Logging>(std::move(logging)));
}

void StopLogging() {
  // The last owner of the writer joins its thread, which first writes what is queued.
  std::atomic_store(&Current(), std::shared_ptr<const Logging>());
}

bool LogEnabled(LogLevel level) {
  const auto logging = std::atomic_load(&Current());
  return logging != nullptr && logging->logger->should_log(ToSpdlog(level));
}

void Log(LogLevel level, absl::string_view message, const LogFields& fields) {
  const auto logging = std::atomic_load(&Current());
  if (logging == nullptr || !logging->logger->should_log(ToSpdlog(level))) return;
  const std::string time = absl::FormatTime(kTimeFormat, absl::Now(), absl::UTCTimeZone());
  logging->logger->log(ToSpdlog(level), logging->format == LogFormat::kJson ? JsonLine(time, level, message, fields)
                                                                            : TextLine(time, level, message, fields));
}

}  // namespace authstate::server
