#include "keyring/keyring_source.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace authstate {
namespace {

constexpr mode_t kPermissionBits = 07777;

absl::Status TooLong() {
  return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxKeyringText, " bytes, which no keyring has"));
}

// All that is in `file`, before `deadline`. Its room is made at once, so that no copy is left behind as it grows.
absl::StatusOr<std::string> ReadAll(int file, absl::Time deadline) {
  std::string text(kMaxKeyringText + 1, '\0');
  absl::Cleanup wipe = [&text] { Wipe(&text); };
  std::size_t length = 0;
  while (length < text.size()) {
    pollfd ready{file, POLLIN, 0};
    const absl::Duration left = deadline - absl::Now();
    const int timeout = left == absl::InfiniteDuration() ? -1 : static_cast<int>(absl::ToInt64Milliseconds(left));
    const int polled = left <= absl::ZeroDuration() ? 0 : poll(&ready, 1, timeout);
    if (polled == 0) return absl::DeadlineExceededError("did not end in time");
    const ssize_t got = polled < 0 ? -1 : read(file, &text[length], text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "cannot be read");
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length == text.size()) return TooLong();
  text.resize(length);
  std::move(wipe).Cancel();
  return text;
}

// Signals are to the child what they are to a program that was started from a shell.
int Spawn(const std::string& command, int output, pid_t* child) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string line = command;
  const std::array<char*, 4> arguments = {shell.data(), option.data(), line.data(), nullptr};
  const int error = posix_spawn(child, shell.c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error;
}

absl::StatusOr<std::string> OutputOf(const std::string& command, absl::Duration patience) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "no pipe to it can be made");
  pid_t child = 0;
  const int error = Spawn(command, ends[1], &child);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return absl::ErrnoToStatus(error, "cannot be started");
  }
  absl::StatusOr<std::string> text = ReadAll(ends[0], absl::Now() + patience);
  close(ends[0]);
  if (!text.ok()) kill(child, SIGKILL);
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
  if (!text.ok() || (WIFEXITED(state) && WEXITSTATUS(state) == 0)) return text;
  Wipe(&*text);
  return absl::UnavailableError(WIFEXITED(state) ? absl::StrCat("exited with code ", WEXITSTATUS(state))
                                                 : absl::StrCat("was ended by signal ", WTERMSIG(state)));
}

absl::StatusOr<std::string> TextOf(const KeyringSource& source, absl::Duration patience) {
  if (!source.file.empty()) return ReadKeyringFile(source.file);
  if (!source.command.empty()) return OutputOf(source.command, patience);
  return source.text;
}

std::string NameOf(const KeyringSource& source) {
  if (!source.file.empty()) return absl::StrCat("the keyring ", source.file);
  // The command may hold a password.
  return source.command.empty() ? "the keyring in AUTHSTATE_KEYRING" : "the command of --keyring-command";
}

}  // namespace

absl::StatusOr<std::string> ReadKeyringFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, "cannot be read");
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat facts {};
  if (fstat(file, &facts) != 0) return absl::ErrnoToStatus(errno, "cannot be read");
  // The group may read it: so a container is given a secret.
  if (S_ISREG(facts.st_mode) && (facts.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrFormat("has mode %04o, which lets others at the keys: chmod 600", facts.st_mode & kPermissionBits));
  }
  return ReadAll(file, absl::InfiniteFuture());
}

absl::StatusOr<std::shared_ptr<const Keyring>> LoadKeyring(const KeyringSource& source, absl::Duration patience) {
  if (!source.given()) return nullptr;
  absl::StatusOr<std::string> text = TextOf(source, patience);
  absl::StatusOr<std::shared_ptr<const Keyring>> keyring =
      text.ok() ? Keyring::Parse(*text) : absl::StatusOr<std::shared_ptr<const Keyring>>(text.status());
  if (text.ok()) Wipe(&*text);
  if (keyring.ok()) return keyring;
  return absl::Status(keyring.status().code(), absl::StrCat(NameOf(source), ": ", keyring.status().message()));
}

}  // namespace authstate
