#include "server/services/admin_service.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "contract/limits.h"
#include "contract/version.h"
#include "server/handlers/backend_messages.h"
#include "server/handlers/token_handlers.h"
#include "server/rpc/guard.h"
#include "server/rpc/methods.h"
#include "server/rpc/unary_call.h"
#include "server/services/switch_backend.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"

namespace authstate::server {
namespace {

using Context = grpc::CallbackServerContext;
using Bytes = grpc::ByteBuffer;

void FillLimits(v1::Limits* limits) {
  limits->set_session_id_bytes(kMaxSessionIdBytes);
  limits->set_key_type_bytes(kMaxKeyTypeBytes);
  limits->set_key_id_bytes(kMaxKeyIdBytes);
  limits->set_value_bytes(kMaxValueBytes);
  limits->set_commit_bytes(kMaxCommitBytes);
  limits->set_commit_operations(kMaxCommitOperations);
  limits->set_message_bytes(kMaxMessageBytes);
}

using RawTokens =
    v1::AdminService::WithRawCallbackMethod_CreateToken<v1::AdminService::WithRawCallbackMethod_ListTokens<
        v1::AdminService::WithRawCallbackMethod_GetToken<v1::AdminService::WithRawCallbackMethod_RotateToken<
            v1::AdminService::WithRawCallbackMethod_RevokeToken<v1::AdminService::Service>>>>>;
using RawService = v1::AdminService::WithRawCallbackMethod_GetServerInfo<
    v1::AdminService::WithRawCallbackMethod_PurgeExpiredKeys<v1::AdminService::WithRawCallbackMethod_ListBackends<
        v1::AdminService::WithRawCallbackMethod_SwitchBackend<RawTokens>>>>;

class AdminService final : public RawService {
 public:
  AdminService(storage::Backend* backend, storage::BackendTargets* targets, Guard* guard, absl::Time started,
               std::function<bool()> serving)
      : backend_(backend),
        tokens_(backend),
        targets_(targets),
        guard_(guard),
        started_(started),
        serving_(std::move(serving)) {}

  grpc::ServerUnaryReactor* GetServerInfo(Context* context, const Bytes* request, Bytes* response) override {
    return RunUnary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>(
        guard_, rpc::kGetServerInfo, context, request, response,
        [this](const v1::GetServerInfoRequest&, absl::Time, auto respond) { respond(Info()); });
  }

  grpc::ServerUnaryReactor* PurgeExpiredKeys(Context* context, const Bytes* request, Bytes* response) override {
    return RunUnary<v1::PurgeExpiredKeysRequest, v1::PurgeExpiredKeysResponse>(
        guard_, rpc::kPurgeExpiredKeys, context, request, response,
        [this](v1::PurgeExpiredKeysRequest purge, absl::Time deadline, auto respond) {
          Purge(std::move(purge), deadline, std::move(respond));
        });
  }

  grpc::ServerUnaryReactor* ListBackends(Context* context, const Bytes* request, Bytes* response) override {
    return RunUnary<v1::ListBackendsRequest, v1::ListBackendsResponse>(
        guard_, rpc::kListBackends, context, request, response,
        [this](const v1::ListBackendsRequest& message, absl::Time, auto respond) {
          if (!message.probe()) return respond(Backends({}));
          targets_->Probe(
              [this, respond = std::move(respond)](const std::map<std::string, absl::Status>& probes) mutable {
                respond(Backends(probes));
              });
        });
  }

  grpc::ServerWriteReactor<Bytes>* SwitchBackend(Context* context, const Bytes* request) override {
    return StartSwitchBackend(targets_, guard_->Begin(rpc::kSwitchBackend, context, *request), context);
  }

  grpc::ServerUnaryReactor* CreateToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunToken<v1::CreateTokenRequest, v1::CreateTokenResponse>(rpc::kCreateToken, context, request, response);
  }
  grpc::ServerUnaryReactor* ListTokens(Context* context, const Bytes* request, Bytes* response) override {
    return RunToken<v1::ListTokensRequest, v1::ListTokensResponse>(rpc::kListTokens, context, request, response);
  }
  grpc::ServerUnaryReactor* GetToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunToken<v1::GetTokenRequest, v1::GetTokenResponse>(rpc::kGetToken, context, request, response);
  }
  grpc::ServerUnaryReactor* RotateToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunToken<v1::RotateTokenRequest, v1::RotateTokenResponse>(rpc::kRotateToken, context, request, response);
  }
  grpc::ServerUnaryReactor* RevokeToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunToken<v1::RevokeTokenRequest, v1::RevokeTokenResponse>(rpc::kRevokeToken, context, request, response);
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* RunToken(const Method& method, Context* context, const Bytes* request, Bytes* response) {
    return RunUnary<Request, Response>(guard_, method, context, request, response,
                                       [this](const Request& message, absl::Time deadline, auto respond) {
                                         tokens_.Handle(message, deadline, std::move(respond));
                                       });
  }

  v1::ListBackendsResponse Backends(const std::map<std::string, absl::Status>& probes) const {
    v1::ListBackendsResponse response;
    for (const storage::TargetState& target : targets_->ListTargets()) {
      v1::Backend* const backend = response.add_backends();
      *backend = ToMessage(target);
      const auto probe = probes.find(target.name);
      if (probe != probes.end()) *backend->mutable_probe() = ToMessage(probe->second);
    }
    return response;
  }

  template <typename Respond>
  void Purge(const v1::PurgeExpiredKeysRequest& request, absl::Time deadline, Respond respond) {
    storage::PurgeRequest purge;
    purge.types.assign(request.types().begin(), request.types().end());
    if (purge.types.empty()) {
      for (const absl::string_view type : storage::kPurgeableTypes) purge.types.emplace_back(type);
    }
    purge.dry_run = request.dry_run();
    backend_->PurgeExpired(std::move(purge), deadline, [respond = std::move(respond)](auto counts) mutable {
      if (!counts.ok()) {
        respond(counts.status());
        return;
      }
      v1::PurgeExpiredKeysResponse response;
      response.mutable_keys()->insert(counts->begin(), counts->end());
      respond(std::move(response));
    });
  }

  v1::GetServerInfoResponse Info() const {
    const storage::Description description = backend_->Describe();
    v1::GetServerInfoResponse info;
    info.set_version(kVersion);
    info.set_backend(description.kind);
    info.set_profile(description.name);
    info.set_location(description.location);
    info.set_layout(description.layout);
    info.set_tls(description.tls);
    info.set_pooler(description.pooler);
    info.set_schema_version(description.schema_version);
    info.mutable_uptime()->set_seconds(absl::ToInt64Seconds(absl::Now() - started_));
    info.set_serving(serving_());
    FillLimits(info.mutable_limits());
    return info;
  }

  storage::Backend* const backend_;
  TokenHandlers tokens_;
  storage::BackendTargets* const targets_;
  Guard* const guard_;
  const absl::Time started_;
  const std::function<bool()> serving_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewAdminService(storage::Backend* backend, storage::BackendTargets* targets,
                                               Guard* guard, absl::Time started, std::function<bool()> serving) {
  return std::make_unique<AdminService>(backend, targets, guard, started, std::move(serving));
}

}  // namespace authstate::server
