#include "client/cpp/channel.h"

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "contract/limits.h"

namespace authstate::client {
namespace {

constexpr int kFirstReconnectPauseMs = 100;
constexpr int kMaxReconnectPauseMs = 2'000;

std::shared_ptr<grpc::ChannelCredentials> Credentials(const std::optional<Tls>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({tls->authorities, tls->key, tls->certificate});
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  if (options.tls.has_value() && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMaxMessageBytes));
  // Retries are ours alone, by the table of idempotency_policy.cc.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A call of private keys goes to the server itself, not to a proxy named in the environment.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // GRPC_ARG_MIN_RECONNECT_BACKOFF_MS is left as it is, 20 s: it is the time that the making of a connection has.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectPauseMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectPauseMs);
  return grpc::CreateCustomChannel(options.address, Credentials(options.tls), arguments);
}

absl::Status ShowToken(const ClientOptions& options, grpc::ClientContext& context) {
  if (options.token == nullptr) return absl::OkStatus();
  if (!options.tls.has_value() && !options.insecure_token && !StaysOnThisMachine(options.address)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the token is not sent to ", options.address, ", as whoever listens on the way could read it"));
  }
  absl::StatusOr<std::string> token = options.token->Token();
  if (!token.ok()) return token.status();
  context.AddMetadata("authorization", absl::StrCat("Bearer ", *token));
  return absl::OkStatus();
}

}  // namespace authstate::client
