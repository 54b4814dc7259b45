#ifndef AUTHSTATE_TESTS_INTEGRATION_ON_TERMINAL_H_
#define AUTHSTATE_TESTS_INTEGRATION_ON_TERMINAL_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate {

// A program on a terminal of its own, of which it reads what is drawn.
class OnTerminal {
 public:
  explicit OnTerminal(const std::vector<std::string>& argv) {
    const winsize size = {60, 120, 0, 0};
    child_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (child_ == 0) {
      std::vector<char*> arguments;
      for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    fcntl(terminal_, F_SETFL, O_NONBLOCK);
  }
  ~OnTerminal() {
    if (child_ > 0) kill(child_, SIGKILL);
    if (child_ > 0) waitpid(child_, nullptr, 0);
    close(terminal_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  // Reads until that was drawn since the last time; false where it does not come.
  bool Await(const std::string& text) {
    for (const absl::Time end = absl::Now() + absl::Seconds(60); absl::Now() < end;) {
      Read();
      const std::size_t at = drawn_.find(text, seen_);
      if (at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }
  void Resize(unsigned short columns, unsigned short rows) const {
    const winsize size = {rows, columns, 0, 0};
    ioctl(terminal_, TIOCSWINSZ, &size);
  }
  // Types a character.
  void Type(char character) const { ASSERT_EQ(write(terminal_, &character, 1), 1); }
  void Signal(int signal) const { kill(child_, signal); }
  // Its exit code; less where a signal has ended it.
  int Wait() {
    int status = 0;
    while (waitpid(child_, &status, WNOHANG) == 0) {
      Read();
      absl::SleepFor(absl::Milliseconds(5));
    }
    child_ = -1;
    Read();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& drawn() const { return drawn_; }

 private:
  void Read() {
    std::array<char, 4'096> part{};
    for (ssize_t size = 0; (size = read(terminal_, part.data(), part.size())) > 0;) {
      drawn_.append(part.data(), static_cast<std::size_t>(size));
    }
  }

  int terminal_ = -1;
  pid_t child_ = -1;
  std::string drawn_;
  std::size_t seen_ = 0;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_ON_TERMINAL_H_
