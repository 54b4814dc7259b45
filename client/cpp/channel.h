#ifndef AUTHSTATE_CLIENT_CPP_CHANNEL_H_
#define AUTHSTATE_CLIENT_CPP_CHANNEL_H_

#include <memory>

#include "absl/status/status.h"
#include "client/cpp/client.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace authstate::client {

// The connection to the server of `options`, which the first call makes.
std::shared_ptr<grpc::Channel> OpenChannel(const ClientOptions& options);

// Has the call of `context` show the token of `options`, if there is one. FailedPrecondition where others could read it
// on its way; InvalidArgument where it cannot be had.
absl::Status ShowToken(const ClientOptions& options, grpc::ClientContext& context);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_CHANNEL_H_
