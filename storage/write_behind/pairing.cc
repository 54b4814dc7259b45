#include "storage/write_behind/pairing.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/near/far_homes.h"

namespace authstate::storage {
namespace {

// Whether another file than this one is known to have sessions, in whose place this one may stand: one of this address;
// or, where servers name none, any one, if this file is new.
absl::Status CheckForLostHomes(const NearStore& near, Backend& far, const WriteBehindOptions& options) {
  if (options.advertise.empty() && !near.far_id().empty()) return absl::OkStatus();
  constexpr std::size_t kPage = 1000;
  std::size_t lost = 0;
  std::string id;
  for (std::string after;;) {
    const auto homes = AwaitCall<absl::StatusOr<std::vector<FarHome>>>(
        [&](auto done) { ListFarHomes(far, "", after, kPage, absl::Now() + options.step_timeout, std::move(done)); });
    if (!homes.ok()) return homes.status();
    for (const FarHome& home : *homes) {
      after = home.session_id;
      if (home.owner.address != options.advertise || home.owner.store_id == near.id()) continue;
      ++lost;
      id = home.owner.store_id;
    }
    if (homes->size() < kPage) break;
  }
  if (lost == 0) return absl::OkStatus();
  const std::string whose = options.advertise.empty() ? "a server that names no address" : options.advertise;
  return Error(
      absl::StatusCode::kFailedPrecondition, kHomesLost,
      absl::StrCat("the database has ", lost, " sessions at home in the file ", id, " of ", whose, ", and ",
                   near.Describe().location,
                   " is another one: put that file back, or, if it is lost, run "
                   "authstatectl home abandon --store ",
                   id, options.advertise.empty() ? "; if it is the file of another server, give --advertise" : ""));
}

absl::Status CheckShowsKeyIds(const NearStore& near, const Description& far) {
  if (!far.hides_key_ids) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
               absl::StrCat(near.Describe().location,
                            ": the database hides the ids of keys, which the file of --write-behind would show"));
}

}  // namespace

absl::Status Pair(NearStore& near, Backend& far, const WriteBehindOptions& options) {
  if (absl::Status shows = CheckShowsKeyIds(near, far.Describe()); !shows.ok()) return shows;
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

absl::Status MoveBefore(NearStore& near, const Description& from, const Description& to) {
  if (absl::Status shows = CheckShowsKeyIds(near, to); !shows.ok()) return shows;
  if (to.layout != from.layout) {
    return Error(
        absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
        absl::StrCat(near.Describe().location, ": is the file of --write-behind before a database of the layout ",
                     from.layout, ", and ", to.name, " has the layout ", to.layout,
                     ": start the server without --write-behind to switch to that"));
  }
  return to.store_id == near.far_id() ? absl::OkStatus() : near.SetFarId(to.store_id);
}

}  // namespace authstate::storage
