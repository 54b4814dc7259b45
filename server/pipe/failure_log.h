#ifndef AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_
#define AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::server::pipe {

struct Failure {
  // `commit`; see NameOf.
  absl::string_view operation;
  // Empty when the channel has none.
  std::string session_id;
  absl::Status status;
};

// Logs the failures of one stream's operations, as loud as the guard logs those of calls. One fault can fail thousands
// of operations that wait behind it, so only the first ones of a second get a line; how many did not is told with the
// next one that does. Not thread-safe.
class FailureLog {
 public:
  explicit FailureLog(std::string request_id) : request_id_(std::move(request_id)) {}

  void Add(const Failure& failure, absl::Time now);

 private:
  const std::string request_id_;
  absl::Time second_ = absl::InfinitePast();
  int lines_ = 0;
  std::uint64_t unlogged_ = 0;
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_FAILURE_LOG_H_
