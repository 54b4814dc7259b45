#include "storage/write_behind/pairing.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// Who has a session at home, as the owner of its lease says it.
struct HomeOwner {
  std::string id;
  // Empty: the server names none.
  std::string address;
};

HomeOwner HomeOwnerOf(const Lease& lease) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(absl::StripPrefix(lease.owner, kHomeOwnerPrefix), absl::MaxSplits('@', 1));
  return {parts.first, parts.second};
}

// Whether another file than this one is known to have sessions, in whose place this one may stand: one of this address;
// or, where servers name none, any one, if this file is new.
absl::Status CheckForLostHomes(const NearStore& near, Backend& far, const WriteBehindOptions& options) {
  if (options.advertise.empty() && !near.far_id().empty()) return absl::OkStatus();
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
      HomeOwner owner = HomeOwnerOf(session.lease);
      if (owner.address != options.advertise || owner.id == near.id()) continue;
      ++lost;
      id = std::move(owner.id);
    }
    if (listed->size() < request.limit) break;
  }
  if (lost == 0) return absl::OkStatus();
  const std::string whose = options.advertise.empty() ? "a server that names no address" : options.advertise;
  return Error(
      absl::StatusCode::kFailedPrecondition, kHomesLost,
      absl::StrCat("the database has ", lost, " sessions at home in the file ", id, " of ", whose, ", and ",
                   near.Describe().location, " is another one: put that file back",
                   options.advertise.empty() ? "; if that is the file of another server, give --advertise" : ""));
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
  const std::string layout = far.Describe().layout;
  // First, as one that is paired starts in an outage too.
  if (absl::Status found = CheckForLostHomes(near, far, options); !found.ok()) return found;
  if (layout != near.far_layout()) {
    if (absl::Status set = near.SetFarLayout(layout); !set.ok()) return set;
  }
  if (!near.far_id().empty()) return absl::OkStatus();
  const absl::Time deadline = absl::Now() + options.step_timeout;
  auto listed = AwaitCall<absl::StatusOr<GrantResult>>([&](auto done) { far.Grants({}, deadline, std::move(done)); });
  if (!listed.ok()) return listed.status();
  absl::Status kept =
      AwaitCall<absl::Status>([&](auto done) { near.KeepGrants(*std::move(listed), deadline, std::move(done)); });
  return kept.ok() ? near.SetFarId(far_id) : kept;
}

}  // namespace authstate::storage
