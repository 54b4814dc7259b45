#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_PROGRESS_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace authstate::cli {

// A bar on standard error, on one line that is drawn again and again, and removed by the destructor. Silent unless
// standard error is a terminal. Not thread-safe.
class Progress {
 public:
  // `quiet`: silent also on a terminal.
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `what` is being done, `done` of `total` (0: not known) so far.
  void Show(absl::string_view what, std::uint64_t done, std::uint64_t total);

 private:
  const bool shown_;
  std::string line_;
};

// The line of the bar: `writing [=====>    ] 412/831`.
std::string ProgressLine(absl::string_view what, std::uint64_t done, std::uint64_t total);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_PROGRESS_H_
