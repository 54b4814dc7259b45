#include "server/listener.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "contract/limits.h"
#include "grpc/health/v1/health.pb.h"

namespace authstate::server {
namespace {

constexpr char kAuthStateService[] = "authstate.v1.AuthStateService";
constexpr char kAdminService[] = "authstate.v1.AdminService";
// Clients may ping this often, also without calls; README.md tells them to do so every 30 s.
constexpr int kMinPingIntervalMs = 10'000;

std::string HostOf(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  return std::string(absl::StripSuffix(absl::StripPrefix(host, "["), "]"));
}

// Why `address` cannot be listened on; gRPC tells its log alone.
std::string WhyNot(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "is no host:port";
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(HostOf(address).c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (resolved != 0) return gai_strerror(resolved);
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  const int probe = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return std::strerror(errno);
  const absl::Cleanup close_probe = [probe] { close(probe); };
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(probe, found->ai_addr, found->ai_addrlen) != 0 || listen(probe, 1) != 0) return std::strerror(errno);
  return "cannot be listened on";
}

std::string WithPort(const std::string& address, int port) {
  const std::size_t colon = address.rfind(':');
  if (address.substr(colon) != ":0") return address;
  return absl::StrCat(address.substr(0, colon), ":", port);
}

}  // namespace

absl::StatusOr<Listener> Listen(const std::string& address, const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Links the descriptor of the health service, for reflection.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* const service : services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.SetMaxSendMessageSize(static_cast<int>(kMaxMessageBytes));
  // Two servers on one port would share its connections between them without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError(absl::StrCat("--listen ", address, ": ", WhyNot(address)));

  SetServing(server.get(), true);
  server->GetHealthCheckService()->SetServingStatus(kAdminService, true);
  return Listener{std::move(server), WithPort(address, port)};
}

void SetServing(grpc::Server* server, bool serving) {
  grpc::HealthCheckServiceInterface* const health = server->GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus(kAuthStateService, serving);
}

}  // namespace authstate::server
