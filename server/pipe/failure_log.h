#ifndef AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_
#define AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/log/line_limit.h"

namespace authstate::server::pipe {

struct FailedOperation {
  // `commit`; see MethodOf.
  absl::string_view operation;
  // The session of the channel; empty when it has none.
  std::string session_id;
  absl::Status status;
};

// Logs the failures of one stream's operations, as loud as the guard logs those of calls, within a LineLimit. Not
// thread-safe.
class FailureLog {
 public:
  explicit FailureLog(std::string request_id) : request_id_(std::move(request_id)) {}

  void Add(const FailedOperation& failure, absl::Time now);

 private:
  const std::string request_id_;
  LineLimit limit_{10};
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_
