#ifndef AUTHSTATE_TESTS_SUPPORT_SUBPROCESS_H_
#define AUTHSTATE_TESTS_SUPPORT_SUBPROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::test {

// One child process with its output captured. Its standard input is empty.
//
// Owns the child: the destructor kills it (SIGKILL) and reaps it. The kernel kills it too when the *thread* that called
// Start ends, however that comes about, so that nothing outlives a test; start long-lived children from the main
// thread. Grandchildren are the child's business.
//
// Thread-safe.
class Subprocess {
 public:
  enum class Stream : std::uint8_t { kStdout, kStderr };

  struct Options {
    // Program and arguments. A program without a slash is looked up in PATH.
    std::vector<std::string> argv;
    // `NAME=value` each, in place of or beside what this process has.
    std::vector<std::string> environment;
  };

  // How the child ended: either its exit code or the signal that killed it.
  struct Exit {
    std::optional<int> code;
    std::optional<int> signal;

    friend bool operator==(const Exit& a, const Exit& b) { return a.code == b.code && a.signal == b.signal; }
  };

  // Internal when the process cannot be made; NotFound when its program cannot be executed.
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(Options options);

  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  // The first whole line of `stream` that contains `text`, without its line end, as soon as it has been written.
  // FailedPrecondition with all output when the child ended without it; DeadlineExceeded when `timeout` passed.
  absl::StatusOr<std::string> WaitForLine(absl::string_view text, absl::Duration timeout,
                                          Stream stream = Stream::kStdout);

  // Sends `signal`; does nothing when the child has ended.
  void Signal(int signal);

  // Waits for the child to end. All it wrote can then be read. DeadlineExceeded when `timeout` passed.
  absl::StatusOr<Exit> Wait(absl::Duration timeout);

  bool running() const;
  pid_t pid() const { return pid_; }

  // What the child wrote so far.
  std::string output(Stream stream) const;

 private:
  Subprocess(pid_t pid, int pid_fd, int stdout_fd, int stderr_fd);

  void Watch();
  bool Drain(int fd, Stream stream);
  void Reap();
  std::optional<std::string> FindLine(absl::string_view text, Stream stream) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const pid_t pid_;
  const int pid_fd_;
  const int stdout_fd_;
  const int stderr_fd_;

  mutable absl::Mutex mutex_;
  std::string stdout_ ABSL_GUARDED_BY(mutex_);
  std::string stderr_ ABSL_GUARDED_BY(mutex_);
  // Set once the child is reaped and its output read.
  std::optional<Exit> exit_ ABSL_GUARDED_BY(mutex_);

  std::thread watcher_;
};

// For messages: `exit code 3`, `killed by signal 9`.
std::string Describe(const Subprocess::Exit& exit);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_SUBPROCESS_H_
