#include "server/access/grant_changes.h"

#include <utility>

#include "server/access/access_watch.h"
#include "storage/forwarding_backend.h"

namespace authstate::server {
namespace {

bool Changes(storage::GrantRequest::Action action) {
  switch (action) {
    case storage::GrantRequest::Action::kCreate:
    case storage::GrantRequest::Action::kRotate:
    case storage::GrantRequest::Action::kRevoke:
      return true;
    case storage::GrantRequest::Action::kList:
    case storage::GrantRequest::Action::kNoteUses:
    case storage::GrantRequest::Action::kGetMaintenance:
    case storage::GrantRequest::Action::kBeginMaintenance:
    case storage::GrantRequest::Action::kEndMaintenance:
      break;
  }
  return false;
}

class GrantChanges final : public storage::ForwardingBackend {
 public:
  GrantChanges(storage::Backend* inner, AccessWatch* access) : ForwardingBackend(inner), access_(access) {}

  void Grants(storage::GrantRequest request, absl::Time deadline, GrantsDone done) override {
    if (!Changes(request.action)) return inner().Grants(std::move(request), deadline, std::move(done));
    inner().Grants(std::move(request), deadline,
                   [access = access_, done = std::move(done)](absl::StatusOr<storage::GrantResult> result) mutable {
                     // A change that failed may have taken place all the same.
                     access->Refresh([done = std::move(done), result = std::move(result)]() mutable {
                       std::move(done)(std::move(result));
                     });
                   });
  }

 private:
  AccessWatch* const access_;
};

}  // namespace

std::unique_ptr<storage::Backend> NewGrantChanges(storage::Backend* inner, AccessWatch* access) {
  return std::make_unique<GrantChanges>(inner, access);
}

}  // namespace authstate::server
