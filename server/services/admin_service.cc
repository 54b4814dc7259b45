#include "server/services/admin_service.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "contract/limits.h"
#include "contract/version.h"
#include "server/handlers/backend_messages.h"
#include "server/handlers/home_handlers.h"
#include "server/handlers/maintenance_handlers.h"
#include "server/handlers/token_handlers.h"
#include "server/rpc/guard.h"
#include "server/rpc/methods.h"
#include "server/rpc/unary_call.h"
#include "server/services/copy_store.h"
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
using RawHomes =
    v1::AdminService::WithRawCallbackMethod_ListHomes<v1::AdminService::WithRawCallbackMethod_AbandonHome<RawTokens>>;
using RawMaintenance =
    v1::AdminService::WithRawCallbackMethod_GetMaintenance<v1::AdminService::WithRawCallbackMethod_BeginMaintenance<
        v1::AdminService::WithRawCallbackMethod_EndMaintenance<RawHomes>>>;
using RawService = v1::AdminService::WithRawCallbackMethod_GetServerInfo<
    v1::AdminService::WithRawCallbackMethod_PurgeExpiredKeys<v1::AdminService::WithRawCallbackMethod_ListBackends<
        v1::AdminService::WithRawCallbackMethod_SwitchBackend<v1::AdminService::WithRawCallbackMethod_SyncBackend<
            v1::AdminService::WithRawCallbackMethod_CopyStore<RawMaintenance>>>>>>;

class AdminService final : public RawService {
 public:
  explicit AdminService(AdminSubjects subjects)
      : backend_(subjects.backend),
        tokens_(subjects.backend),
        homes_(subjects.backend, subjects.write_behind),
        maintenance_(subjects.backend, subjects.maintenance),
        targets_(subjects.targets),
        guard_(subjects.guard),
        started_(subjects.started),
        serving_(std::move(subjects.serving)),
        write_behind_(std::move(subjects.write_behind)),
        maintenance_state_(std::move(subjects.maintenance)) {}

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
    return StartSwitchBackend(targets_, backend_, guard_->Begin(rpc::kSwitchBackend, context, *request), context);
  }

  grpc::ServerWriteReactor<Bytes>* SyncBackend(Context* context, const Bytes* request) override {
    return StartSyncBackend(targets_, guard_->Begin(rpc::kSyncBackend, context, *request), context);
  }

  grpc::ServerWriteReactor<Bytes>* CopyStore(Context* context, const Bytes* request) override {
    return StartCopyStore(targets_, guard_->Begin(rpc::kCopyStore, context, *request), context);
  }

  grpc::ServerUnaryReactor* ListHomes(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::ListHomesRequest, v1::ListHomesResponse>(homes_, rpc::kListHomes, context, request, response);
  }
  grpc::ServerUnaryReactor* AbandonHome(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::AbandonHomeRequest, v1::AbandonHomeResponse>(homes_, rpc::kAbandonHome, context, request,
                                                                  response);
  }

  grpc::ServerUnaryReactor* CreateToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::CreateTokenRequest, v1::CreateTokenResponse>(tokens_, rpc::kCreateToken, context, request,
                                                                  response);
  }
  grpc::ServerUnaryReactor* ListTokens(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::ListTokensRequest, v1::ListTokensResponse>(tokens_, rpc::kListTokens, context, request, response);
  }
  grpc::ServerUnaryReactor* GetToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::GetTokenRequest, v1::GetTokenResponse>(tokens_, rpc::kGetToken, context, request, response);
  }
  grpc::ServerUnaryReactor* RotateToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::RotateTokenRequest, v1::RotateTokenResponse>(tokens_, rpc::kRotateToken, context, request,
                                                                  response);
  }
  grpc::ServerUnaryReactor* RevokeToken(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::RevokeTokenRequest, v1::RevokeTokenResponse>(tokens_, rpc::kRevokeToken, context, request,
                                                                  response);
  }

  grpc::ServerUnaryReactor* GetMaintenance(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::GetMaintenanceRequest, v1::GetMaintenanceResponse>(maintenance_, rpc::kGetMaintenance, context,
                                                                        request, response);
  }
  grpc::ServerUnaryReactor* BeginMaintenance(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::BeginMaintenanceRequest, v1::BeginMaintenanceResponse>(maintenance_, rpc::kBeginMaintenance,
                                                                            context, request, response);
  }
  grpc::ServerUnaryReactor* EndMaintenance(Context* context, const Bytes* request, Bytes* response) override {
    return RunBy<v1::EndMaintenanceRequest, v1::EndMaintenanceResponse>(maintenance_, rpc::kEndMaintenance, context,
                                                                        request, response);
  }

 private:
  template <typename Request, typename Response, typename Handlers>
  grpc::ServerUnaryReactor* RunBy(Handlers& handlers, const Method& method, Context* context, const Bytes* request,
                                  Bytes* response) {
    return RunUnary<Request, Response>(guard_, method, context, request, response,
                                       [&handlers](const Request& message, absl::Time deadline, auto respond) {
                                         handlers.Handle(message, deadline, std::move(respond));
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
    if (const auto state = write_behind_()) *response.mutable_write_behind() = ToMessage(*state);
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
    if (const auto state = write_behind_()) *info.mutable_write_behind() = ToMessage(*state);
    const storage::MaintenanceState maintenance = maintenance_state_();
    if (maintenance.maintenance.has_value()) *info.mutable_maintenance() = ToMessage(maintenance);
    return info;
  }

  storage::Backend* const backend_;
  TokenHandlers tokens_;
  HomeHandlers homes_;
  MaintenanceHandlers maintenance_;
  storage::BackendTargets* const targets_;
  Guard* const guard_;
  const absl::Time started_;
  const std::function<bool()> serving_;
  const std::function<std::optional<storage::WriteBehindState>()> write_behind_;
  const std::function<storage::MaintenanceState()> maintenance_state_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewAdminService(AdminSubjects subjects) {
  return std::make_unique<AdminService>(std::move(subjects));
}

}  // namespace authstate::server
