#include "client/cli/command_context.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/address.h"

namespace authstate::cli {
namespace {

// A person waits; a server that restarts is back by then.
constexpr absl::Duration kPatience = absl::Seconds(5);

constexpr char kSystemAuthorities[] = "system";

}  // namespace

absl::Status ReadTlsOptions(GlobalOptions* options) {
  client::TlsFiles files = options->tls_files;
  if (files.authorities.empty()) return absl::OkStatus();
  if (files.authorities == kSystemAuthorities) files.authorities.clear();
  absl::StatusOr<client::Tls> tls = client::ReadTls(files);
  if (!tls.ok()) return tls.status();
  tls->server_name = options->server_name;
  options->tls = *std::move(tls);
  return absl::OkStatus();
}

client::Client& CommandContext::client() {
  if (client_ == nullptr) {
    client::ClientOptions options;
    options.address = options_.address;
    options.tls = options_.tls;
    options.deadline = options_.timeout;
    host_exists_ = CheckHostExists(options_.address);
    options.patience = host_exists_.ok() ? std::min(kPatience, options_.timeout) : absl::ZeroDuration();
    options.load_deadline = std::max(options.load_deadline, options_.timeout);
    client_ = std::make_unique<client::Client>(options);
  }
  return *client_;
}

client::Client& CommandContext::client(SignalWatcher& signals) {
  client::Client& made = client();
  signals.Start([&made] { made.Cancel(); });
  return made;
}

absl::Status Confirm(absl::string_view doing, absl::FunctionRef<absl::StatusOr<std::string>()> question,
                     absl::string_view otherwise) {
  if (isatty(STDIN_FILENO) != 1) {
    return absl::FailedPreconditionError(absl::StrCat(doing, " needs --yes when standard input is not a terminal"));
  }
  const absl::StatusOr<std::string> text = question();
  if (!text.ok()) return text.status();
  std::cerr << *text << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return absl::OkStatus();
  return absl::FailedPreconditionError(otherwise);
}

}  // namespace authstate::cli
