#ifndef AUTHSTATE_TESTS_SUPPORT_TEST_SERVER_H_
#define AUTHSTATE_TESTS_SUPPORT_TEST_SERVER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/subprocess.h"

namespace authstate::test {

// The path of a program of this build: in the directory that AUTHSTATE_BIN_DIR names, else in the build's own.
std::string ProgramPath(absl::string_view name);

// A running authstated. It ends with the thread that called Create or Restart: use it from the main thread. Not
// thread-safe.
class TestServer {
 public:
  struct Options {
    // Without --listen: the server picks a port of 127.0.0.1 and keeps it through Restart. Its HTTP port is off, unless
    // --http-listen stands among these.
    std::vector<std::string> arguments;
    // `NAME=value` each.
    std::vector<std::string> environment;
    // Which of the build's programs.
    std::string program = "authstated";
    // What stands before the program and becomes it: `prlimit --nofile=256`.
    std::vector<std::string> launcher = {};
  };

  // Returns once the server has printed its ready line.
  static absl::StatusOr<std::unique_ptr<TestServer>> Create(Options options);

  // `127.0.0.1:50123`.
  const std::string& address() const { return address_; }
  const std::string& ready_line() const { return ready_line_; }
  Subprocess& process() { return *process_; }

  // SIGKILL; returns once the process has ended.
  absl::Status Kill();
  // SIGTERM; waits for the process to end by itself.
  absl::StatusOr<Subprocess::Exit> Terminate();
  // Serves on the same address again, after Kill or Terminate; returns once the server is ready.
  absl::Status Restart();

 private:
  explicit TestServer(Options options) : options_(std::move(options)) {}

  absl::Status Start(absl::string_view listen);

  const Options options_;
  std::string address_;
  std::string ready_line_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_TEST_SERVER_H_
