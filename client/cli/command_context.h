#ifndef AUTHSTATE_CLIENT_CLI_COMMAND_CONTEXT_H_
#define AUTHSTATE_CLIENT_CLI_COMMAND_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cpp/client.h"

namespace authstate::cli {

inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);
// The environment variable of --address.
inline constexpr char kAddressVariable[] = "AUTHSTATE_ADDRESS";
inline constexpr char kTokenFileOption[] = "--token-file";

// The options that every command takes.
struct GlobalOptions {
  std::string address = client::ClientOptions().address;
  // PEM files; `system` in place of the first stands for the authorities of the system. Without it there is no TLS.
  client::TlsFiles tls_files;
  std::string server_name;
  // What those say (ReadTlsOptions).
  std::optional<client::Tls> tls;
  // The token to show, or the file that it is in; at most one of them (ChooseToken).
  std::string token;
  std::string token_file;
  bool insecure_token = false;
  absl::Duration timeout = kDefaultTimeout;
  bool json = false;
};

// Fills in `options->tls`. An error as of client::ReadTls.
absl::Status ReadTlsOptions(GlobalOptions* options);

// Settles which of the two counts where the line and the environment give one each: the line's, and the token of the
// same. `words` are those of the line.
void ChooseToken(const std::vector<std::string>& words, GlobalOptions* options);

// How a client reaches the server that they name.
client::ClientOptions ClientOptionsOf(const GlobalOptions& options);

// What a command works with. Not thread-safe.
class CommandContext {
 public:
  explicit CommandContext(GlobalOptions options) : options_(std::move(options)), output_(options_.json) {}

  // Made by the first call, so that a command can prepare the signals of the client's threads.
  client::Client& client();
  // The same, with its calls cancelled once a signal comes. `signals` was made before.
  client::Client& client(SignalWatcher& signals);
  bool asked_server() const { return client_ != nullptr; }
  // NotFound when the server was asked for and its host does not exist; calls are not tried again then.
  const absl::Status& host_exists() const { return host_exists_; }
  Output& output() { return output_; }
  const GlobalOptions& options() const { return options_; }

 private:
  const GlobalOptions options_;
  Output output_;
  absl::Status host_exists_;
  std::unique_ptr<client::Client> client_;
};

// Asks `question` on the terminal. FailedPrecondition with `otherwise` when the answer is no; when nobody is there to
// ask, which is found out first, with what `doing` needs.
absl::Status Confirm(absl::string_view doing, absl::FunctionRef<absl::StatusOr<std::string>()> question,
                     absl::string_view otherwise);

// What the chosen command does; its error is printed, and becomes the exit code.
using Action = std::function<absl::Status(CommandContext&)>;

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMAND_CONTEXT_H_
