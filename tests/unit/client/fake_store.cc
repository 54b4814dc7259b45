#include "tests/unit/client/fake_store.h"

#include "absl/strings/str_cat.h"
#include "contract/limits.h"

namespace authstate::client {

FakeStore::FakeStore() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxMessageBytes));
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  builder.RegisterService(&admin_);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeStore::~FakeStore() { server_->Shutdown(); }

}  // namespace authstate::client
