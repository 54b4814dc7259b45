#include "server/listener.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "grpc/health/v1/health.pb.h"
#include "server/connections/acceptor.h"
#include "server/connections/descriptor_limit.h"
#include "server/connections/flood_watch.h"
#include "server/connections/listening_sockets.h"
#include "server/connections/tls_credentials.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

constexpr char kAuthStateService[] = "authstate.v1.AuthStateService";
constexpr char kAdminService[] = "authstate.v1.AdminService";
// Clients may ping this often, also without calls; docs/options.md tells them to do so every 30 s.
constexpr int kMinPingIntervalMs = 10'000;
// Whoever has not begun to speak HTTP/2 by then is cut off, so that silence keeps no place among the connections.
constexpr int kHandshakeTimeoutMs = 10'000;
// gRPC reads up to 4 MiB ahead if left to itself, all of which it then handles: 100,000 streams, say.
constexpr int kReadChunkBytes = 256 << 10;
// As long as a call without a deadline may take, and as long again: a client that heeds the first goodbye loses
// nothing.
constexpr int kConnectionGraceMs = 60'000;

std::shared_ptr<grpc::ServerCredentials> Credentials(const CertificateWatch* certificates) {
  if (certificates == nullptr) return grpc::InsecureServerCredentials();
  return NewTlsCredentials([certificates] { return certificates->current(); },
                           !certificates->files().client_ca.empty());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Create(const ListenerOptions& options,
                                                           const std::vector<grpc::Service*>& services) {
  absl::StatusOr<ListeningSockets> sockets = ListeningSockets::Open(options.address);
  if (!sockets.ok()) return sockets.status();

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Links the descriptor of the health service, for reflection.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();

  grpc::ServerBuilder builder;
  for (grpc::Service* const service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.SetMaxSendMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, kReadChunkBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxOpenStreams);
  // gRPC unpacks a compressed request before anybody looks at its size: a megabyte could become a gigabyte.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  if (options.max_connection_age > absl::ZeroDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(options.max_connection_age)));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionGraceMs);
  }
  std::unique_ptr<Listener> listener(new Listener);
  listener->credentials_ = Credentials(options.certificates);
  std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> connections =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, listener->credentials_);

  listener->address_ = sockets->address();
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr) return absl::InternalError("gRPC did not start");
  listener->SetServing(true);
  listener->server_->GetHealthCheckService()->SetServingStatus(kAdminService, true);

  const std::size_t descriptors = RaiseDescriptorLimit();
  const std::size_t max_connections = MaxConnections(descriptors);
  Log(LogLevel::kInfo, "connections are bounded",
      {{"descriptors", absl::StrCat(descriptors)}, {"max_connections", absl::StrCat(max_connections)}});
  const Framing framing = options.certificates == nullptr ? Framing::kPlain : Framing::kTls;
  listener->acceptor_ =
      std::make_unique<Acceptor>(*std::move(sockets), max_connections, framing, [connections](int descriptor) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
        connection.fd = descriptor;
        connections->HandleNewConnection(&connection);
      });
  return listener;
}

Listener::~Listener() { Shutdown(absl::Now()); }

void Listener::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus(kAuthStateService, serving);
}

void Listener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  // Before gRPC shuts down: it cancels the calls that it has received and not handed over, and those that clients send
  // before they have heard its goodbye. A connection that is gone tells its callers that they do not know what became
  // of their calls; that a call was cancelled would be told to those who never cancelled it.
  acceptor_->Shutdown(deadline);
  acceptor_.reset();
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
  server_->Wait();
  server_.reset();
}

}  // namespace authstate::server
