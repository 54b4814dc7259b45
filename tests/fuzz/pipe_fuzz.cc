// The messages that a pipe takes: any bytes on the wire, to operations that the server works on.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/pipe/operation.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/valid_work.h"

namespace authstate::fuzz {
namespace {

using server::pipe::Operation;

// What of the work is checked elsewhere needs a session first.
void CheckOperation(const Operation& operation) {
  if (const auto* const attach = std::get_if<server::pipe::Attach>(&operation.work); attach != nullptr) {
    CheckWork(attach->request, Session::kNamed);
  } else if (const auto* const get = std::get_if<server::pipe::Get>(&operation.work); get != nullptr) {
    CheckWork(get->request, Session::kOfChannel);
  } else if (const auto* const commit = std::get_if<server::pipe::Commit>(&operation.work); commit != nullptr) {
    Hold(server::pipe::MethodOf(operation).mutation, "a commit is a mutation");
    CheckWork(commit->commit, Session::kOfChannel);
  } else if (const auto* const renew = std::get_if<server::pipe::Renew>(&operation.work); renew != nullptr) {
    CheckWork(renew->request, Session::kOfChannel);
  }
}

void CheckMessage(absl::string_view bytes) {
  v1::PipeRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto count = static_cast<std::size_t>(request.operations_size());
  const auto operations = server::pipe::TakeOperations(std::move(request), absl::InfiniteFuture());
  Hold(operations.ok() || absl::IsInvalidArgument(operations.status()), "what is refused is InvalidArgument");
  if (!operations.ok()) return;
  Hold(operations->size() == count, "every operation is taken");
  for (const Operation& operation : *operations) CheckOperation(operation);
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // It would tell of every string that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  authstate::fuzz::CheckMessage(authstate::fuzz::TextOf(data, size));
  return 0;
}
