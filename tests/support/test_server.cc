#include "tests/support/test_server.h"

#include <csignal>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace authstate::test {
namespace {

// Far more than either takes, also under a sanitizer on a busy machine.
constexpr absl::Duration kReadyTimeout = absl::Seconds(60);
constexpr absl::Duration kEndTimeout = absl::Seconds(60);

constexpr absl::string_view kReadyPrefix = "authstated ready on ";

}  // namespace

std::string ProgramPath(absl::string_view name) {
  const char* const directory = std::getenv("AUTHSTATE_BIN_DIR");
  return absl::StrCat(directory != nullptr ? directory : AUTHSTATE_DEFAULT_BIN_DIR, "/", name);
}

absl::StatusOr<std::unique_ptr<TestServer>> TestServer::Create(Options options) {
  std::unique_ptr<TestServer> server(new TestServer(std::move(options)));
  if (absl::Status started = server->Start("127.0.0.1:0"); !started.ok()) return started;
  return server;
}

absl::Status TestServer::Start(absl::string_view listen) {
  std::vector<std::string> argv = options_.launcher;
  argv.insert(argv.end(), {ProgramPath(options_.program), "--listen", std::string(listen), "--http-listen=off"});
  argv.insert(argv.end(), options_.arguments.begin(), options_.arguments.end());
  auto process = Subprocess::Start({std::move(argv), options_.environment});
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  auto line = process_->WaitForLine(kReadyPrefix, kReadyTimeout);
  if (!line.ok()) return line.status();
  ready_line_ = *std::move(line);
  const absl::string_view rest = absl::string_view(ready_line_).substr(kReadyPrefix.size());
  address_ = std::string(rest.substr(0, rest.find(',')));
  return absl::OkStatus();
}

absl::Status TestServer::Kill() {
  process_->Signal(SIGKILL);
  return process_->Wait(kEndTimeout).status();
}

absl::StatusOr<Subprocess::Exit> TestServer::Terminate() {
  process_->Signal(SIGTERM);
  return process_->Wait(kEndTimeout);
}

absl::Status TestServer::Restart() {
  if (process_->running()) return absl::FailedPreconditionError("the server is running");
  return Start(address_);
}

}  // namespace authstate::test
