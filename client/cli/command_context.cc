#include "client/cli/command_context.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/address.h"
#include "client/cli/completion.h"
#include "profiles/secrets.h"

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

void ChooseToken(const std::vector<std::string>& words, GlobalOptions* options) {
  const bool file_in_line = OptionInLine(words, kTokenFileOption).has_value();
  const bool token_in_line = OptionInLine(words, profiles::kTokenOption).has_value();
  if (file_in_line && !token_in_line) options->token.clear();
  if (!options->token.empty()) options->token_file.clear();
}

client::ClientOptions ClientOptionsOf(const GlobalOptions& options) {
  client::ClientOptions of_client;
  of_client.address = options.address;
  of_client.tls = options.tls;
  if (!options.token.empty()) of_client.token = client::NewFixedToken(options.token);
  if (!options.token_file.empty()) of_client.token = client::NewTokenFile(options.token_file);
  of_client.insecure_token = options.insecure_token;
  return of_client;
}

client::Client& CommandContext::client() {
  if (client_ == nullptr) {
    client::ClientOptions options = ClientOptionsOf(options_);
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
