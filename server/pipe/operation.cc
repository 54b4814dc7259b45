#include "server/pipe/operation.h"

#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "server/handlers/lease_validation.h"
#include "server/handlers/request_error.h"
#include "server/handlers/request_validation.h"

namespace authstate::server::pipe {
namespace {

// What an operation and a key take up beside the bytes on the wire.
constexpr std::size_t kOperationOverhead = 512;
constexpr std::size_t kKeyOverhead = 96;

std::size_t KeysOf(const v1::PipeOperation& operation) {
  std::size_t keys = 0;
  for (const v1::KeySelection& selection : operation.get().keys()) {
    keys += static_cast<std::size_t>(selection.ids_size());
  }
  keys += static_cast<std::size_t>(operation.commit().sets_size());
  keys += static_cast<std::size_t>(operation.commit().deletes_size());
  return keys;
}

// Moves the valid part of an operation's `field` into `work`.
template <typename Work, typename Valid>
absl::Status Keep(absl::string_view field, absl::StatusOr<Valid> valid, Operation* operation) {
  if (!valid.ok()) return Within(field, valid.status());
  operation->work = Work{*std::move(valid)};
  return absl::OkStatus();
}

absl::Status TakeWork(v1::PipeOperation* message, Operation* operation) {
  switch (message->operation_case()) {
    case v1::PipeOperation::kAttach:
      return Keep<Attach>("attach", Validate(message->attach()), operation);
    case v1::PipeOperation::kDetach:
      operation->work = Detach{message->detach().release()};
      return absl::OkStatus();
    case v1::PipeOperation::kGet:
      return Keep<Get>("get", Validate(std::move(*message->mutable_get())), operation);
    case v1::PipeOperation::kCommit:
      return Keep<Commit>("commit", Validate(std::move(*message->mutable_commit())), operation);
    case v1::PipeOperation::kRenew:
      return Keep<Renew>("renew", Validate(message->renew()), operation);
    case v1::PipeOperation::OPERATION_NOT_SET:
      break;
  }
  return InvalidField("operation", "is none that this server knows");
}

}  // namespace

absl::StatusOr<Operations> TakeOperations(v1::PipeRequest&& request, absl::Time deadline) {
  if (request.operations().empty()) return InvalidField("operations", "empty");
  if (static_cast<std::size_t>(request.operations_size()) > kMaxCommitOperations) {
    return InvalidField("operations", absl::StrCat("more than ", kMaxCommitOperations));
  }
  Operations operations;
  for (int i = 0; i < request.operations_size(); ++i) {
    v1::PipeOperation& message = *request.mutable_operations(i);
    Operation& operation = operations.emplace_back();
    operation.tag = message.tag();
    operation.channel = message.channel();
    operation.bytes = message.ByteSizeLong() + kOperationOverhead + kKeyOverhead * KeysOf(message);
    operation.deadline = deadline;
    const absl::Status taken = TakeWork(&message, &operation);
    if (!taken.ok()) return Within(absl::StrCat("operations[", i, "]"), taken);
  }
  return operations;
}

const Method& MethodOf(const Operation& operation) {
  static_assert(std::size(kOperations) == std::variant_size_v<decltype(Operation::work)>, "one row for each");
  return kOperations[operation.work.index()];
}

bool Steals(const Operation& operation) {
  const auto* const attach = std::get_if<Attach>(&operation.work);
  return attach != nullptr && attach->request.steal;
}

}  // namespace authstate::server::pipe
