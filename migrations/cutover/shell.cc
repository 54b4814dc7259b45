#include "migrations/cutover/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace authstate::cutover {
namespace {

// Between two looks at whether it has been interrupted.
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr absl::Duration kGrace = absl::Seconds(5);

// Signals are to the child what they are to a program that was started from a shell.
int Spawn(const std::string& command, pid_t* child) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string line = command;
  const std::array<char*, 4> arguments = {shell.data(), option.data(), line.data(), nullptr};
  const int error = posix_spawn(child, shell.c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error;
}

// Whether the child has ended, at `time` at the latest.
bool HasEnded(int child_fd, absl::Time time) {
  pollfd ended{child_fd, POLLIN, 0};
  const absl::Duration left = std::max(time - absl::Now(), absl::ZeroDuration());
  // Rounded up: a wait that ends too early would be repeated without one.
  const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(left + absl::Milliseconds(1)));
  return poll(&ended, 1, milliseconds) == 1;
}

// OK once the child has ended by itself.
absl::Status AwaitEnd(int child_fd, absl::Time deadline, const std::function<absl::Status()>& interrupted) {
  while (!HasEnded(child_fd, std::min(deadline, absl::Now() + kLook))) {
    if (absl::Status status = interrupted(); !status.ok()) return status;
    if (absl::Now() >= deadline) return absl::DeadlineExceededError("was not done in time, and was ended");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunShell(const std::string& command, absl::Time deadline,
                      const std::function<absl::Status()>& interrupted) {
  if (absl::Status status = interrupted(); !status.ok()) return status;
  pid_t child = 0;
  if (const int error = Spawn(command, &child); error != 0) return absl::ErrnoToStatus(error, "cannot be started");
  // By its number: the declaration in <sys/pidfd.h> of glibc 2.36 does not link from C++.
  const int child_fd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  const absl::Status watched = child_fd < 0 ? absl::ErrnoToStatus(errno, "cannot be watched") : absl::OkStatus();
  const absl::Cleanup close_fd = [child_fd] { close(child_fd); };
  absl::Status ended = watched.ok() ? AwaitEnd(child_fd, deadline, interrupted) : watched;
  if (!ended.ok()) {
    kill(-child, SIGTERM);
    if (watched.ok()) HasEnded(child_fd, absl::Now() + kGrace);
    // The group keeps its id until the child has been waited for, so this meets no other one.
    kill(-child, SIGKILL);
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
  if (!ended.ok()) return ended;
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return absl::OkStatus();
  return absl::InternalError(WIFEXITED(state) ? absl::StrCat("exited with code ", WEXITSTATUS(state))
                                              : absl::StrCat("was ended by signal ", WTERMSIG(state)));
}

}  // namespace authstate::cutover
