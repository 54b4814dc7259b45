#include "storage/write_behind/pairing.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// Whether a file of this address, which is not this one, is known to have sessions.
absl::Status CheckForLostHomes(const NearStore& near, Backend& far, const WriteBehindOptions& options) {
  if (options.advertise.empty()) return absl::OkStatus();
  ListRequest request;
  request.leased = true;
  request.owner_prefix = std::string(kHomeOwnerPrefix);
  request.limit = 1000;
  std::size_t lost = 0;
  std::string id;
  while (true) {
    const auto listed = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
        [&](auto done) { far.List(request, absl::Now() + options.step_timeout, std::move(done)); });
    if (!listed.ok()) return listed.status();
    for (const SessionSummary& session : *listed) {
      request.after = session.session_id;
      const std::string& owner = session.lease.owner;
      const bool here = absl::EndsWith(owner, absl::StrCat("@", options.advertise));
      if (!here || absl::StartsWith(owner, absl::StrCat(kHomeOwnerPrefix, near.id()))) continue;
      ++lost;
      id = owner.substr(kHomeOwnerPrefix.size(), near.id().size());
    }
    if (listed->size() < request.limit) break;
  }
  if (lost == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, kHomesLost,
               absl::StrCat("the database has ", lost, " sessions at home in the file ", id, " of ", options.advertise,
                            ", and ", near.Describe().location, " is another one: put that file back"));
}

}  // namespace

absl::Status Pair(NearStore& near, Backend& far, const WriteBehindOptions& options) {
  if (far.Describe().hides_key_ids) {
    return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
                 absl::StrCat(near.Describe().location,
                              ": the database hides the ids of keys, which the file of --write-behind would show"));
  }
  const std::string far_id = far.Describe().store_id;
  if (!near.far_id().empty() && near.far_id() != far_id) {
    return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
                 absl::StrCat(near.Describe().location,
                              ": is the file of --write-behind before another database; name another file, or that "
                              "database"));
  }
  // First, as one that is paired starts in an outage too.
  if (absl::Status found = CheckForLostHomes(near, far, options); !found.ok()) return found;
  if (!near.far_id().empty()) return absl::OkStatus();
  const absl::Time deadline = absl::Now() + options.step_timeout;
  auto listed = AwaitCall<absl::StatusOr<GrantResult>>([&](auto done) { far.Grants({}, deadline, std::move(done)); });
  if (!listed.ok()) return listed.status();
  absl::Status kept =
      AwaitCall<absl::Status>([&](auto done) { near.KeepGrants(*std::move(listed), deadline, std::move(done)); });
  return kept.ok() ? near.SetFarId(far_id) : kept;
}

}  // namespace authstate::storage
