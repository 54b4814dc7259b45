#include "server/rpc/call_counts.h"

#include <algorithm>
#include <optional>
#include <string>

#include "server/rpc/status_translation.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

std::size_t CodeOf(const absl::Status& status) {
  return static_cast<std::size_t>(IsUnmapped(status) ? absl::StatusCode::kInternal : status.code());
}

}  // namespace

CallCounts::CallCounts() {
  OfMethod* next = methods_.data();
  const auto add = [this, &next](absl::string_view service, const Method& method) {
    next->service = service;
    next->method = method.name;
    by_method_.emplace(&method, next++);
  };
  for (const Method* const method : rpc::kAuthStateMethods) add("authstate.v1.AuthStateService", *method);
  for (const Method* const method : rpc::kAdminMethods) add("authstate.v1.AdminService", *method);
}

void CallCounts::End(OfMethod& call, const absl::Status& status, absl::Duration took) {
  call.ended.at(CodeOf(status)).fetch_add(1, std::memory_order_relaxed);
  call.seconds.Add(took);
  if (!status.ok()) CountRefusal(status);
}

void CallCounts::EndOperation(std::size_t operation, const absl::Status& status) {
  operations_.at(operation).at(CodeOf(status)).fetch_add(1, std::memory_order_relaxed);
  if (!status.ok()) CountRefusal(status);
}

void CallCounts::CountRefusal(const absl::Status& status) {
  if (!absl::IsUnauthenticated(status) && !absl::IsPermissionDenied(status)) return;
  const std::optional<std::string> reason = storage::ReasonOf(status);
  const auto* const found = std::find(std::begin(kRefusals), std::end(kRefusals), reason.value_or(""));
  if (found != std::end(kRefusals)) refused_.at(static_cast<std::size_t>(found - std::begin(kRefusals))) += 1;
}

}  // namespace authstate::server
