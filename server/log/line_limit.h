#ifndef AUTHSTATE_SERVER_LOG_LINE_LIMIT_H_
#define AUTHSTATE_SERVER_LOG_LINE_LIMIT_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace authstate::server {

// One fault can fail thousands of calls, so only the first ones of a second get a line in the log; how many did not is
// told with the next one that does. Not thread-safe.
class LineLimit {
 public:
  explicit LineLimit(int lines_per_second) : lines_per_second_(lines_per_second) {}

  // Whether what happened at `now` gets a line: nullopt if not, else how many before it did not.
  std::optional<std::uint64_t> Take(absl::Time now) {
    if (now - second_ >= absl::Seconds(1)) {
      second_ = now;
      lines_ = 0;
    }
    if (lines_ >= lines_per_second_) {
      ++unlogged_;
      return std::nullopt;
    }
    ++lines_;
    const std::uint64_t unlogged = unlogged_;
    unlogged_ = 0;
    return unlogged;
  }

 private:
  const int lines_per_second_;
  absl::Time second_ = absl::InfinitePast();
  int lines_ = 0;
  std::uint64_t unlogged_ = 0;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_LINE_LIMIT_H_
