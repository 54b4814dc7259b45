#ifndef AUTHSTATE_TESTS_UNIT_CLIENT_FAKE_STORE_H_
#define AUTHSTATE_TESTS_UNIT_CLIENT_FAKE_STORE_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"

namespace authstate::client {

// A server in this process whose answers a test gives. Set the answers before the first call. As one of the first
// version it does not say which fields of a request it knows, unless the test has it say so.
class FakeStore : public v1::AuthStateService::Service {
 public:
  FakeStore();
  ~FakeStore() override;

  const std::string& address() const { return address_; }

  std::function<grpc::Status(const v1::GetCredsRequest&, v1::GetCredsResponse*)> get_creds;
  std::function<grpc::Status(const v1::GetKeysRequest&, v1::GetKeysResponse*)> get_keys;
  std::function<grpc::Status(const v1::CommitRequest&, v1::CommitResponse*)> commit;
  std::function<grpc::Status(const v1::DeleteSessionRequest&, v1::DeleteSessionResponse*)> delete_session;
  std::function<grpc::Status(const v1::ListSessionsRequest&, v1::ListSessionsResponse*)> list_sessions;
  std::function<grpc::Status(grpc::ServerContext*, grpc::ServerWriter<v1::LoadSessionResponse>*)> load_session;
  // What GetServerInfo tells; empty: it fails.
  std::string version;

 private:
  class Admin : public v1::AdminService::Service {
   public:
    explicit Admin(const FakeStore& store) : store_(store) {}

   private:
    grpc::Status GetServerInfo(grpc::ServerContext* /*context*/, const v1::GetServerInfoRequest* /*request*/,
                               v1::GetServerInfoResponse* response) override {
      response->set_version(store_.version);
      return store_.version.empty() ? grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no") : grpc::Status::OK;
    }

    const FakeStore& store_;
  };

  grpc::Status GetCreds(grpc::ServerContext* /*context*/, const v1::GetCredsRequest* request,
                        v1::GetCredsResponse* response) override {
    return get_creds(*request, response);
  }
  grpc::Status GetKeys(grpc::ServerContext* /*context*/, const v1::GetKeysRequest* request,
                       v1::GetKeysResponse* response) override {
    return get_keys(*request, response);
  }
  grpc::Status Commit(grpc::ServerContext* /*context*/, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override {
    return commit(*request, response);
  }
  grpc::Status DeleteSession(grpc::ServerContext* /*context*/, const v1::DeleteSessionRequest* request,
                             v1::DeleteSessionResponse* response) override {
    return delete_session(*request, response);
  }
  grpc::Status ListSessions(grpc::ServerContext* /*context*/, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override {
    return list_sessions(*request, response);
  }
  grpc::Status LoadSession(grpc::ServerContext* context, const v1::LoadSessionRequest* /*request*/,
                           grpc::ServerWriter<v1::LoadSessionResponse>* writer) override {
    return load_session(context, writer);
  }

  Admin admin_{*this};
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_TESTS_UNIT_CLIENT_FAKE_STORE_H_
