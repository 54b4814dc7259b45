#ifndef AUTHSTATE_TESTS_INTEGRATION_BAD_INPUTS_H_
#define AUTHSTATE_TESTS_INTEGRATION_BAD_INPUTS_H_

#include <functional>
#include <string>
#include <vector>

#include "authstate/v1/auth_state_service.grpc.pb.h"

namespace authstate {

using Stub = v1::AuthStateService::Stub;

// The session that there is.
inline constexpr char kSession[] = "bystander";

// A call that breaks the contract, and the field that does.
struct BadInput {
  std::string name;
  std::function<grpc::Status(Stub&)> call;
  std::string field;
  bool mutation = false;
};

// Every way to break it, over every RPC and field.
std::vector<BadInput> EveryBadInput();

// Parts of requests.
v1::KeyEntry Entry(const std::string& type, const std::string& id, const std::string& json = "{}");
v1::KeySelection Selection(const std::string& type, std::vector<std::string> ids);
// Loads a session; its pages, as text, are added to `all`.
grpc::Status LoadAll(Stub& stub, const v1::LoadSessionRequest& request, std::string* all);

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_BAD_INPUTS_H_
