#include "tests/support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace authstate::test {
namespace {

struct FdPair {
  int read = -1;
  int write = -1;
};

absl::StatusOr<FdPair> MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe2");
  return FdPair{fds[0], fds[1]};
}

void Close(const FdPair& fds) {
  close(fds.read);
  close(fds.write);
}

// The environment of the child: ours, with `additions` in front of it, so that they are found first.
std::vector<std::string> MergedEnvironment(const std::vector<std::string>& additions) {
  std::vector<std::string> merged = additions;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text(*entry);
    const absl::string_view name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(additions.begin(), additions.end(), [name](absl::string_view addition) {
      return addition.substr(0, name.size()) == name;
    });
    if (!replaced) merged.emplace_back(text);
  }
  return merged;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What the child runs between fork and exec: async-signal-safe calls alone, as other threads may have held locks.
[[noreturn]] void Exec(pid_t parent, const FdPair& out, const FdPair& err, const FdPair& failure,
                       const std::vector<char*>& argv, const std::vector<char*>& envp) {
  const auto fail = [&failure] {
    const int reason = errno;
    [[maybe_unused]] const ssize_t written = write(failure.write, &reason, sizeof reason);
    _exit(127);
  };
  // A test runner may have blocked or ignored signals; the child starts afresh.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail();
  if (getppid() != parent) _exit(127);  // It ended before the line above.
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) fail();
  if (dup2(out.write, STDOUT_FILENO) < 0 || dup2(err.write, STDERR_FILENO) < 0) fail();
  execvpe(argv[0], argv.data(), envp.data());
  fail();
  _exit(127);
}

// Whether exec took place: the pipe closes on exec, and holds errno when it failed.
absl::Status AwaitExec(int fd, absl::string_view program) {
  int reason = 0;
  ssize_t got = 0;
  do {
    got = read(fd, &reason, sizeof reason);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof reason) return absl::ErrnoToStatus(reason, absl::StrCat("cannot execute ", program));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Start(Options options) {
  if (options.argv.empty()) return absl::InvalidArgumentError("argv is empty");
  std::vector<std::string> environment = MergedEnvironment(options.environment);
  const std::vector<char*> argv = Pointers(options.argv);
  const std::vector<char*> envp = Pointers(environment);

  const auto out = MakePipe();
  if (!out.ok()) return out.status();
  const auto err = MakePipe();
  if (!err.ok()) {
    Close(*out);
    return err.status();
  }
  const auto failure = MakePipe();
  if (!failure.ok()) {
    Close(*out);
    Close(*err);
    return failure.status();
  }

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Exec(parent, *out, *err, *failure, argv, envp);
  const int fork_errno = errno;
  close(out->write);
  close(err->write);
  close(failure->write);
  absl::Status started =
      pid > 0 ? AwaitExec(failure->read, options.argv.front()) : absl::ErrnoToStatus(fork_errno, "fork");
  close(failure->read);
  // By its number: the declaration in <sys/pidfd.h> of glibc 2.36 does not link from C++.
  const int pid_fd = started.ok() ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (started.ok() && pid_fd < 0) started = absl::ErrnoToStatus(errno, "pidfd_open");
  if (!started.ok()) {
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    close(out->read);
    close(err->read);
    return started;
  }
  fcntl(out->read, F_SETFL, O_NONBLOCK);
  fcntl(err->read, F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Subprocess>(new Subprocess(pid, pid_fd, out->read, err->read));
}

Subprocess::Subprocess(pid_t pid, int pid_fd, int stdout_fd, int stderr_fd)
    : pid_(pid), pid_fd_(pid_fd), stdout_fd_(stdout_fd), stderr_fd_(stderr_fd), watcher_([this] { Watch(); }) {}

Subprocess::~Subprocess() {
  Signal(SIGKILL);
  watcher_.join();
  close(pid_fd_);
  close(stdout_fd_);
  close(stderr_fd_);
}

// Ends with the child, not with its output: a grandchild may hold the pipes open for longer.
void Subprocess::Watch() {
  std::array<pollfd, 3> watched = {{{pid_fd_, POLLIN, 0}, {stdout_fd_, POLLIN, 0}, {stderr_fd_, POLLIN, 0}}};
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    const bool ended = watched[0].revents != 0;
    // A negative descriptor is passed over by poll.
    if (watched[1].revents != 0 && !Drain(stdout_fd_, Stream::kStdout)) watched[1].fd = -1;
    if (watched[2].revents != 0 && !Drain(stderr_fd_, Stream::kStderr)) watched[2].fd = -1;
    if (ended) break;
  }
  Drain(stdout_fd_, Stream::kStdout);
  Drain(stderr_fd_, Stream::kStderr);
  Reap();
}

// Reads all there is for now; false at the end of the stream.
bool Subprocess::Drain(int fd, Stream stream) {
  constexpr std::size_t kChunkBytes = 16384;
  std::array<char, kChunkBytes> chunk{};
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got > 0) {
      const absl::MutexLock lock(&mutex_);
      (stream == Stream::kStdout ? stdout_ : stderr_).append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

void Subprocess::Reap() {
  // Under the mutex, so that Signal never reaches a process that took over the number.
  const absl::MutexLock lock(&mutex_);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  Exit exit;
  if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  exit_ = exit;
}

std::optional<std::string> Subprocess::FindLine(absl::string_view text, Stream stream) const {
  const absl::string_view output = stream == Stream::kStdout ? stdout_ : stderr_;
  std::size_t start = 0;
  for (std::size_t end = output.find('\n'); end != absl::string_view::npos; end = output.find('\n', start)) {
    const absl::string_view line = output.substr(start, end - start);
    if (line.find(text) != absl::string_view::npos) return std::string(line);
    start = end + 1;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> Subprocess::WaitForLine(absl::string_view text, absl::Duration timeout, Stream stream) {
  const absl::MutexLock lock(&mutex_);
  const auto settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return exit_.has_value() || FindLine(text, stream).has_value();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&settled), timeout);
  if (std::optional<std::string> line = FindLine(text, stream); line.has_value()) return *std::move(line);
  const std::string output = absl::StrCat("\nstdout: ", stdout_, "\nstderr: ", stderr_);
  if (!exit_.has_value()) return absl::DeadlineExceededError(absl::StrCat("no line has '", text, "'", output));
  return absl::FailedPreconditionError(
      absl::StrCat("the child ended (", Describe(*exit_), ") without a line that has '", text, "'", output));
}

void Subprocess::Signal(int signal) {
  const absl::MutexLock lock(&mutex_);
  if (!exit_.has_value()) kill(pid_, signal);
}

absl::StatusOr<Subprocess::Exit> Subprocess::Wait(absl::Duration timeout) {
  const absl::MutexLock lock(&mutex_);
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return exit_.has_value(); };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&ended), timeout)) {
    return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " has not ended\nstderr: ", stderr_));
  }
  return *exit_;
}

bool Subprocess::running() const {
  const absl::MutexLock lock(&mutex_);
  return !exit_.has_value();
}

std::string Subprocess::output(Stream stream) const {
  const absl::MutexLock lock(&mutex_);
  return stream == Stream::kStdout ? stdout_ : stderr_;
}

std::string Describe(const Subprocess::Exit& exit) {
  if (exit.code.has_value()) return absl::StrCat("exit code ", *exit.code);
  return absl::StrCat("killed by signal ", exit.signal.value_or(0));
}

}  // namespace authstate::test
