#include "server/log/audit_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/names.h"
#include "server/log/logging.h"
#include "storage/error.h"
#include "tokens/token.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kStandardOutput = "-";
constexpr absl::string_view kTimeFormat = "%Y-%m-%dT%H:%M:%E3SZ";
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status NotRecorded() {
  return storage::WithRetryDelay(
      storage::WithOutcome(storage::Error(absl::StatusCode::kUnavailable, kAuditUnavailable,
                                          "the server could not record the call, and does none that it cannot record"),
                           storage::Outcome::kNotApplied),
      kRetryDelay);
}

std::string ToLine(absl::Time time, const AuditRecord& record, const absl::Status& outcome) {
  nlohmann::ordered_json line;
  const auto add = [&line](const char* name, std::string text) {
    if (!text.empty()) line[name] = std::move(text);
  };
  add("time", absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone()));
  add("method", record.method);
  add("caller", record.caller);
  add("certificate", record.certificate);
  add("peer", record.peer);
  if (CheckSessionId(record.session_id).ok()) add("session_id", record.session_id);
  if (tokens::IsId(record.token_id)) add("token_id", record.token_id);
  add("request_id", record.request_id);
  add("outcome", absl::StatusCodeToString(outcome.code()));
  add("reason", storage::ReasonOf(outcome).value_or(""));
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(AuditOptions options) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options)));
  if (absl::Status opened = log->OpenFile(); !opened.ok()) return opened;
  try {
    log->thread_ = std::thread([raw = log.get()] { raw->Run(); });
  } catch (const std::system_error& error) {
    return absl::ErrnoToStatus(error.code().value(), "no thread for the audit log");
  }
  return log;
}

AuditLog::~AuditLog() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  if (file_ > STDERR_FILENO) close(file_);
}

absl::Status AuditLog::Admit() const {
  if (!options_.required) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  return failed_ || records_ >= options_.records ? NotRecorded() : absl::OkStatus();
}

void AuditLog::Write(const AuditRecord& record, const absl::Status& outcome) {
  if (storage::ReasonOf(outcome) == kAuditUnavailable) return;
  const std::string line = ToLine(options_.clock(), record, outcome);
  const absl::MutexLock lock(&mutex_);
  if (!options_.required && records_ >= options_.records) {
    ++lost_;
    return;
  }
  waiting_ += line;
  ++records_;
}

AuditLog::Counts AuditLog::counts() const {
  const absl::MutexLock lock(&mutex_);
  return {records_, told_lost_ + lost_, failed_};
}

void AuditLog::Reopen() {
  const absl::MutexLock lock(&mutex_);
  reopen_ = true;
}

void AuditLog::Run() {
  std::string lines;
  while (true) {
    std::size_t records = 0;
    std::size_t lost = 0;
    bool reopen = false;
    bool stopping = false;
    {
      const absl::MutexLock lock(&mutex_);
      if (failed_) {
        // It is tried again, also where no record waits: none may come until it goes on.
        mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kRetryDelay);
      } else {
        mutex_.Await(absl::Condition(this, &AuditLog::HasWork));
      }
      lines += std::exchange(waiting_, {});
      records = records_;
      lost = std::exchange(lost_, 0);
      told_lost_ += lost;
      reopen = std::exchange(reopen_, false);
      stopping = stopping_;
    }
    if (reopen && file_ > STDERR_FILENO) close(std::exchange(file_, -1));
    absl::Status written = file_ < 0 ? OpenFile() : absl::OkStatus();
    if (written.ok()) written = Append(&lines);
    Settle(written, records);
    if (stopping && !written.ok()) lost += records;
    if (lost > 0) Log(LogLevel::kError, "records of the audit log are lost", {{"records", absl::StrCat(lost)}});
    if (stopping) return;
  }
}

void AuditLog::Settle(const absl::Status& written, std::size_t records) {
  const absl::MutexLock lock(&mutex_);
  if (written.ok()) records_ -= records;
  if (std::exchange(failed_, !written.ok()) == !written.ok()) return;
  if (written.ok()) {
    Log(LogLevel::kInfo, "the audit log is written again", {{"path", options_.path}});
  } else {
    Log(LogLevel::kError, "the audit log cannot be written",
        {{"path", options_.path}, {"error", std::string(written.message())}});
  }
}

absl::Status AuditLog::OpenFile() {
  if (options_.path == kStandardOutput) {
    file_ = STDOUT_FILENO;
    return absl::OkStatus();
  }
  const int file =
      open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("--audit-file ", options_.path));
  // Another server would cut lines of this one off (Append).
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(file);
    return absl::ErrnoToStatus(error, absl::StrCat("--audit-file ", options_.path, " is another program's"));
  }
  file_ = file;
  return absl::OkStatus();
}

absl::Status AuditLog::Append(std::string* lines) {
  struct stat before {};
  const bool regular = fstat(file_, &before) == 0 && S_ISREG(before.st_mode);
  std::size_t taken = 0;
  absl::Status status;
  while (status.ok() && taken < lines->size()) {
    // A reader that has stopped must not keep the server from stopping: what poll lets in does not block.
    pollfd room{file_, POLLOUT, 0};
    if (!regular && poll(&room, 1, static_cast<int>(absl::ToInt64Milliseconds(kRetryDelay))) == 0) {
      status = absl::DeadlineExceededError("nobody reads it");
      break;
    }
    const std::size_t size = regular ? lines->size() - taken : std::min<std::size_t>(lines->size() - taken, PIPE_BUF);
    const ssize_t written = write(file_, lines->data() + taken, size);
    if (written >= 0) {
      taken += static_cast<std::size_t>(written);
    } else if (errno != EINTR && errno != EAGAIN) {
      status = absl::ErrnoToStatus(errno, "write");
    }
  }
  // Half a line is no record: of a file it is cut off, and then written whole.
  if (regular && !status.ok()) {
    taken = 0;
    if (ftruncate(file_, before.st_size) != 0) status = absl::ErrnoToStatus(errno, "truncate");
  }
  lines->erase(0, taken);
  return status;
}

}  // namespace authstate::server
