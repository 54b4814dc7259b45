#ifndef AUTHSTATE_TESTS_INTEGRATION_GENERIC_CALL_H_
#define AUTHSTATE_TESTS_INTEGRATION_GENERIC_CALL_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// What became of a call: the code, and from its google.rpc.ErrorInfo the reason and the outcome.
struct CallOutcome {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string message;
  std::string reason;
  std::string outcome;
};

CallOutcome OutcomeOf(const grpc::Status& status);

// Makes any call by its descriptor: sends the one request, and drops what is answered. `authorization`: the value of
// the metadata; empty: none is sent.
CallOutcome Call(const std::shared_ptr<grpc::Channel>& channel, const google::protobuf::MethodDescriptor& method,
                 const google::protobuf::Message& request, const std::string& authorization);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_GENERIC_CALL_H_
