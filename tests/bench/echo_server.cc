// echo_server: answers GetKeys with one key of 1.2 kB, and Commit with a revision, and does nothing else: what gRPC
// itself costs authstated for messages of these sizes. Prints `ready PORT`, and serves on 127.0.0.1 until it is killed.
#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "authstate/v1/auth_state_service.grpc.pb.h"

namespace authstate::bench {
namespace {

constexpr std::size_t kValueBytes = 1200;

// Thread-safe.
class EchoService final : public v1::AuthStateService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetKeys(grpc::CallbackServerContext* context, const v1::GetKeysRequest* request,
                                    v1::GetKeysResponse* response) override {
    v1::KeyEntry& entry = *response->add_found();
    entry.mutable_key()->set_type(request->keys(0).type());
    entry.mutable_key()->set_id(request->keys(0).ids(0));
    entry.mutable_value()->set_json(value_);
    response->set_revision(1);
    return Finish(context);
  }

  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context, const v1::CommitRequest* /*request*/,
                                   v1::CommitResponse* response) override {
    response->set_revision(1);
    return Finish(context);
  }

 private:
  static grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  const std::string value_ = std::string(kValueBytes, 'v');
};

int Run() {
  EchoService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::fprintf(stderr, "echo_server: cannot listen\n");
    return 1;
  }
  std::printf("ready %d\n", port);
  std::fflush(stdout);
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace authstate::bench

int main() { return authstate::bench::Run(); }
