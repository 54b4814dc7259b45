#include "storage/moving/same_database.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/await_call.h"
#include "storage/near/store_id.h"

namespace authstate::storage {

absl::StatusOr<bool> SameDatabase(Backend& source, Backend& target, absl::Time deadline) {
  const std::string store_id = source.Describe().store_id;
  if (store_id.empty() || store_id != target.Describe().store_id) return false;
  const auto ask = [&](Backend& backend, LeaseRequest request) {
    request.session_id = std::string(kSameDatabaseSession);
    return AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
               [&](auto done) { backend.Leases({std::move(request)}, deadline, std::move(done)); })
        .front();
  };
  LeaseRequest acquire;
  acquire.action = LeaseRequest::Action::kAcquire;
  acquire.owner = absl::StrCat("sync:", RandomStoreId());
  acquire.ttl = -absl::Seconds(1);
  const absl::StatusOr<LeaseResult> left = ask(target, acquire);
  if (!left.ok()) return left.status();
  const absl::StatusOr<LeaseResult> found = ask(source, {});
  if (!found.ok()) return found.status();
  return found->lease.owner == acquire.owner;
}

}  // namespace authstate::storage
