#include "server/services/auth_state_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "server/handlers/lease_handlers.h"
#include "server/pipe/budget.h"
#include "server/pipe/reactor.h"
#include "server/rpc/guard.h"
#include "server/rpc/methods.h"
#include "server/rpc/unary_call.h"
#include "server/services/load_session.h"

namespace authstate::server {
namespace {

using Context = grpc::CallbackServerContext;
using Bytes = grpc::ByteBuffer;

// Every method is taken raw, so that a message that does not parse reaches the guard (server/rpc/request_parser.h).
using RawService = v1::AuthStateService::WithRawCallbackMethod_Pipe<
    v1::AuthStateService::WithRawCallbackMethod_AcquireLease<v1::AuthStateService::WithRawCallbackMethod_RenewLease<
        v1::AuthStateService::WithRawCallbackMethod_ReleaseLease<v1::AuthStateService::WithRawCallbackMethod_GetLease<
            v1::AuthStateService::WithRawCallbackMethod_GetCreds<v1::AuthStateService::WithRawCallbackMethod_SetCreds<
                v1::AuthStateService::WithRawCallbackMethod_DeleteCreds<
                    v1::AuthStateService::WithRawCallbackMethod_GetKeys<
                        v1::AuthStateService::WithRawCallbackMethod_SetKeys<
                            v1::AuthStateService::WithRawCallbackMethod_DeleteKeys<
                                v1::AuthStateService::WithRawCallbackMethod_Commit<
                                    v1::AuthStateService::WithRawCallbackMethod_LoadSession<
                                        v1::AuthStateService::WithRawCallbackMethod_ListSessions<
                                            v1::AuthStateService::WithRawCallbackMethod_DeleteSession<
                                                v1::AuthStateService::Service>>>>>>>>>>>>>>>;

class AuthStateService final : public RawService {
 public:
  AuthStateService(storage::Backend* backend, Guard* guard, Stealing stealing, const pipe::Limits& pipe_limits,
                   std::shared_ptr<pipe::Budget> budget)
      : backend_(backend),
        guard_(guard),
        handlers_(backend),
        lease_handlers_(backend, stealing),
        pipe_{backend, guard, stealing, pipe_limits, std::move(budget)} {}

  grpc::ServerUnaryReactor* GetCreds(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::GetCredsRequest, v1::GetCredsResponse>(rpc::kGetCreds, context, request, response);
  }
  grpc::ServerUnaryReactor* SetCreds(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::SetCredsRequest, v1::SetCredsResponse>(rpc::kSetCreds, context, request, response);
  }
  grpc::ServerUnaryReactor* DeleteCreds(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::DeleteCredsRequest, v1::DeleteCredsResponse>(rpc::kDeleteCreds, context, request, response);
  }
  grpc::ServerUnaryReactor* GetKeys(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::GetKeysRequest, v1::GetKeysResponse>(rpc::kGetKeys, context, request, response);
  }
  grpc::ServerUnaryReactor* SetKeys(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::SetKeysRequest, v1::SetKeysResponse>(rpc::kSetKeys, context, request, response);
  }
  grpc::ServerUnaryReactor* DeleteKeys(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::DeleteKeysRequest, v1::DeleteKeysResponse>(rpc::kDeleteKeys, context, request, response);
  }
  grpc::ServerUnaryReactor* Commit(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::CommitRequest, v1::CommitResponse>(rpc::kCommit, context, request, response);
  }
  grpc::ServerUnaryReactor* ListSessions(Context* context, const Bytes* request, Bytes* response) override {
    return RunUnaryCall<v1::ListSessionsRequest, v1::ListSessionsResponse>(
        guard_, rpc::kListSessions, context, request, response,
        [this](v1::ListSessionsRequest message, const GuardedCall& call, auto respond) {
          handlers_.Handle(std::move(message), call.caller()->Scopes(rpc::kListSessions.need.right), call.deadline(),
                           std::move(respond));
        });
  }
  grpc::ServerUnaryReactor* DeleteSession(Context* context, const Bytes* request, Bytes* response) override {
    return Run<v1::DeleteSessionRequest, v1::DeleteSessionResponse>(rpc::kDeleteSession, context, request, response);
  }
  grpc::ServerUnaryReactor* AcquireLease(Context* context, const Bytes* request, Bytes* response) override {
    return RunLease<v1::AcquireLeaseRequest, v1::AcquireLeaseResponse>(rpc::kAcquireLease, context, request, response);
  }
  grpc::ServerUnaryReactor* RenewLease(Context* context, const Bytes* request, Bytes* response) override {
    return RunLease<v1::RenewLeaseRequest, v1::RenewLeaseResponse>(rpc::kRenewLease, context, request, response);
  }
  grpc::ServerUnaryReactor* ReleaseLease(Context* context, const Bytes* request, Bytes* response) override {
    return RunLease<v1::ReleaseLeaseRequest, v1::ReleaseLeaseResponse>(rpc::kReleaseLease, context, request, response);
  }
  grpc::ServerUnaryReactor* GetLease(Context* context, const Bytes* request, Bytes* response) override {
    return RunLease<v1::GetLeaseRequest, v1::GetLeaseResponse>(rpc::kGetLease, context, request, response);
  }
  grpc::ServerWriteReactor<Bytes>* LoadSession(Context* context, const Bytes* request) override {
    return server::StartLoadSession(backend_, guard_, guard_->Begin(rpc::kLoadSession, context, *request), context);
  }
  grpc::ServerBidiReactor<Bytes, Bytes>* Pipe(Context* context) override { return pipe::StartPipe(pipe_, context); }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Run(const Method& method, Context* context, const Bytes* request, Bytes* response) {
    return RunUnary<Request, Response>(guard_, method, context, request, response,
                                       [this](Request message, absl::Time deadline, auto respond) {
                                         handlers_.Handle(std::move(message), deadline, std::move(respond));
                                       });
  }

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* RunLease(const Method& method, Context* context, const Bytes* request, Bytes* response) {
    return RunUnary<Request, Response>(guard_, method, context, request, response,
                                       [this](const Request& message, absl::Time deadline, auto respond) {
                                         lease_handlers_.Handle(message, deadline, std::move(respond));
                                       });
  }

  storage::Backend* const backend_;
  Guard* const guard_;
  AuthStateHandlers handlers_;
  LeaseHandlers lease_handlers_;
  const pipe::Service pipe_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewAuthStateService(storage::Backend* backend, Guard* guard, Stealing stealing,
                                                   const pipe::Limits& pipe_limits,
                                                   std::shared_ptr<pipe::Budget> budget) {
  return std::make_unique<AuthStateService>(backend, guard, stealing, pipe_limits, std::move(budget));
}

}  // namespace authstate::server
