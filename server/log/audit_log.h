#ifndef AUTHSTATE_SERVER_LOG_AUDIT_LOG_H_
#define AUTHSTATE_SERVER_LOG_AUDIT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::server {

// What the server refuses as it cannot record it.
inline constexpr absl::string_view kAuditUnavailable = "AUDIT_UNAVAILABLE";

enum class AuditMode : std::uint8_t {
  kOff,
  // A call that cannot be recorded takes place, and its record is lost and counted in the log.
  kOn,
  // It is refused.
  kRequired,
};

struct AuditOptions {
  // A file, which is made with mode 0600 and only ever appended to; `-`: standard output.
  std::string path;
  // kRequired.
  bool required = false;
  // How many may wait to be written.
  std::size_t records = 16'384;
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// One call, or one operation of a pipe. Never a value, and of a token nothing but its id.
struct AuditRecord {
  // `Commit`; of an operation of a pipe `Pipe.commit`.
  std::string method;
  // What the caller showed: the id of a token, or a name of its certificate (Caller::name). Empty: nothing.
  std::string caller;
  // A name of its certificate, also beside a token (Caller::certificate). Empty: it has none.
  std::string certificate;
  // As gRPC calls it: `ipv4:192.0.2.7:41234`.
  std::string peer;
  // As the caller named it; may be empty.
  std::string session_id;
  // The token that was looked at or changed, as the caller named it, or that was made; may be empty.
  std::string token_id;
  std::string request_id;
};

// Who did what, a JSON object a line:
//
//   {"time":"2026-11-29T22:01:02.345Z","method":"Commit","caller":"kq3…","peer":"ipv4:…","session_id":"bot-1",
//    "request_id":"…","outcome":"OK"}
//
// and a `reason` where there is one. Lines are handed to the kernel by a thread of its own, within a
// moment and not synced to a disk: nobody waits for them. While the file takes no line (a full disk, a folder that is
// gone), records wait, as many as there is room for, and writing is tried again each second. A file is locked, as it
// has whole lines alone, and is so of one server.
//
// Thread-safe. Its destructor writes what waits, once; what cannot be written then is lost, and logged.
class AuditLog {
 public:
  // The error of the system, where the file cannot be opened or no thread be made.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(AuditOptions options);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Whether a call may begin. Where records are required: Unavailable, NOT_APPLIED, while the last one could not be
  // written or too many wait.
  absl::Status Admit() const;
  // Of a call that has ended so, just now. What is no id of a session, or of a token, is left out. Where records are
  // required it is kept, as what is under way at once is bounded elsewhere; but none is kept of a call that was refused
  // for want of records.
  void Write(const AuditRecord& record, const absl::Status& outcome);

  struct Counts {
    // Records that wait to be written now, and those that were lost since the start.
    std::size_t waiting = 0;
    std::uint64_t lost = 0;
    // The last attempt to write failed.
    bool failing = false;
  };
  Counts counts() const;

  // Opens the file anew, as it may have been renamed; when that fails it is tried again, and the former one is closed.
  void Reopen();

 private:
  explicit AuditLog(AuditOptions options) : options_(std::move(options)) {}

  void Run();
  // What has become of writing as many records as waited.
  void Settle(const absl::Status& written, std::size_t records) ABSL_LOCKS_EXCLUDED(mutex_);
  // Both are of the thread of this alone, once it runs.
  absl::Status OpenFile();
  // Takes from `lines` what it has written.
  absl::Status Append(std::string* lines);
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || reopen_ || !waiting_.empty(); }

  const AuditOptions options_;
  int file_ = -1;
  mutable absl::Mutex mutex_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  // How many records wait, those being written among them, and how many did not find room.
  std::size_t records_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  // How many of those that were lost the log was told of.
  std::uint64_t told_lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool reopen_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_AUDIT_LOG_H_
