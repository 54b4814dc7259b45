#include "client/cli/scratch_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/folder/file_io.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kCannotStart = 127;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view variable = *entry;
    const bool of_server = absl::StartsWith(variable, "AUTHSTATE_") || absl::StartsWith(variable, "USE_LEGACY_") ||
                           absl::StartsWith(variable, "CREDENTIALS_DIRECTORY=");
    if (!of_server) environment.emplace_back(variable);
  }
  return environment;
}

}  // namespace

std::string FindServerProgram() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = self.parent_path() / "authstated";
  return !error && fs::exists(beside, error) ? beside.string() : "authstated";
}

absl::StatusOr<std::unique_ptr<ScratchServer>> ScratchServer::Start(const std::string& program) {
  std::error_code error;
  std::string folder = absl::StrCat(fs::temp_directory_path(error).string(), "/authstate-drill-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) return SystemError(absl::StrCat("no folder can be made: ", folder));
  std::unique_ptr<ScratchServer> server(new ScratchServer(std::move(folder)));
  absl::Status status = server->Spawn(program);
  if (status.ok()) status = server->AwaitReady(program);
  if (!status.ok()) return status;
  return server;
}

std::string ScratchServer::address() const { return absl::StrCat("unix:", folder_, "/socket"); }

absl::Status ScratchServer::Spawn(const std::string& program) {
  std::vector<std::string> words = {program,
                                    "--listen",
                                    address(),
                                    "--backend",
                                    "sqlite",
                                    "--sqlite-path",
                                    absl::StrCat(folder_, "/scratch.db"),
                                    "--log-level",
                                    "error"};
  std::vector<std::string> environment = CleanEnvironment();
  // In no file, so that what a killed process leaves behind opens for nobody.
  std::string line = NewKeyringLine("scratch");
  environment.push_back(absl::StrCat(kKeyringVariable, "=active scratch;", line));
  const absl::Cleanup wipe = [&] {
    Wipe(&line);
    Wipe(&environment.back());
  };
  const std::vector<char*> arguments = Pointers(words);
  const std::vector<char*> variables = Pointers(environment);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("no pipe to the scratch server can be made");
  output_ = ends[0];
  const pid_t parent = getpid();
  server_ = fork();
  if (server_ == 0) {
    // Nothing but system calls: the other threads of the parent are not here, whatever they held.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(ends[1], STDOUT_FILENO) < 0) _exit(kCannotStart);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(kCannotStart);
  }
  const absl::Status forked = server_ < 0 ? SystemError("the scratch server cannot be started") : absl::OkStatus();
  close(ends[1]);
  return forked;
}

absl::Status ScratchServer::AwaitReady(const std::string& program) const {
  const absl::Time deadline = absl::Now() + kPatience;
  std::string text;
  std::array<char, 256> chunk{};
  while (!absl::StrContains(text, '\n')) {
    pollfd ready{output_, POLLIN, 0};
    const absl::Duration left = deadline - absl::Now();
    const int polled =
        left <= absl::ZeroDuration() ? 0 : poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (polled < 0 && errno == EINTR) continue;
    const ssize_t got = polled > 0 ? read(output_, chunk.data(), chunk.size()) : 0;
    if (got <= 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          program, polled == 0 ? " was not ready in time" : " did not start, as a server on a scratch store",
          "; --server names another program"));
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return absl::OkStatus();
}

ScratchServer::~ScratchServer() {
  if (server_ > 0) {
    kill(server_, SIGKILL);
    while (waitpid(server_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  if (output_ >= 0) close(output_);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace authstate::cli
