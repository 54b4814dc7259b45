#include "server/handlers/lease_handlers.h"

#include <utility>
#include <vector>

#include "server/handlers/state_messages.h"

namespace authstate::server {
namespace {

// Sends a valid request to the backend; `fill` makes the response of what it answers.
template <typename Response, typename Fill>
void Ask(storage::Backend* backend, absl::StatusOr<storage::LeaseRequest> request, absl::Time deadline,
         Respond<Response> respond, Fill fill) {
  if (!request.ok()) return std::move(respond)(request.status());
  std::vector<storage::LeaseRequest> batch;
  batch.push_back(*std::move(request));
  backend->Leases(
      std::move(batch), deadline,
      [respond = std::move(respond), fill](std::vector<absl::StatusOr<storage::LeaseResult>> results) mutable {
        if (!results[0].ok()) return std::move(respond)(results[0].status());
        Response response;
        ToProto(results[0]->lease, response.mutable_lease());
        fill(*results[0], &response);
        std::move(respond)(std::move(response));
      });
}

constexpr auto kNothingElse = [](const storage::LeaseResult& /*result*/, auto* /*response*/) {};

}  // namespace

void LeaseHandlers::Handle(const v1::AcquireLeaseRequest& request, absl::Time deadline,
                           Respond<v1::AcquireLeaseResponse> respond) {
  const absl::Status permitted = CheckStealing(request.steal(), stealing_);
  if (!permitted.ok()) return std::move(respond)(permitted);
  Ask(backend_, Validate(request), deadline, std::move(respond),
      [](const storage::LeaseResult& result, v1::AcquireLeaseResponse* response) {
        response->set_revision(result.revision);
      });
}

void LeaseHandlers::Handle(const v1::RenewLeaseRequest& request, absl::Time deadline,
                           Respond<v1::RenewLeaseResponse> respond) {
  Ask(backend_, Validate(request), deadline, std::move(respond), kNothingElse);
}

void LeaseHandlers::Handle(const v1::ReleaseLeaseRequest& request, absl::Time deadline,
                           Respond<v1::ReleaseLeaseResponse> respond) {
  Ask(backend_, Validate(request), deadline, std::move(respond), kNothingElse);
}

void LeaseHandlers::Handle(const v1::GetLeaseRequest& request, absl::Time deadline,
                           Respond<v1::GetLeaseResponse> respond) {
  Ask(backend_, Validate(request), deadline, std::move(respond), kNothingElse);
}

}  // namespace authstate::server
