#include "storage/write_behind/whereabouts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kHomesAtOnce = 256;

// Whether the far store has the session as one that left.
bool IsAsLeft(const LeaseResult& found, const UnflushedChanges& changes) {
  return found.lease.fence == changes.home.lease.fence && found.lease.owner == changes.home.lease.owner &&
         found.revision == changes.home.flushed_revision && found.applied_number == changes.applied_number;
}

// Whether it says that the near store no longer knows what it should of a session that it has.
bool IsDamaged(const absl::Status& status) { return absl::IsDataLoss(status) || absl::IsNotFound(status); }

}  // namespace

bool IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status);
}

bool IsElsewhere(const absl::Status& status) {
  return ReasonOf(status) == kStaleFence || ReasonOf(status) == kNumberGap;
}

bool IsAsFlushed(const LeaseResult& found, const Home& home) {
  return found.lease.fence == home.far_fence && found.applied_number == home.far_number;
}

Whereabouts::Whereabouts(NearStore* near, HomeTable* table, const Claims* claims, const StepDeadline* steps,
                         std::uint64_t orphans, const WriteBehindOptions& options)
    : near_(*near),
      table_(*table),
      claims_(*claims),
      steps_(*steps),
      log_(options.log),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())),
      orphans_(orphans) {}

bool Whereabouts::Look(Backend& far) {
  CountOrphans();
  const auto of_table = table_.Sessions();
  std::vector<std::string> homes(of_table.begin(), of_table.end());
  std::sort(homes.begin(), homes.end());
  homes.erase(homes.begin(), std::upper_bound(homes.begin(), homes.end(), looked_up_to_));
  if (homes.size() > kHomesAtOnce) homes.resize(kHomesAtOnce);
  looked_up_to_ = homes.size() < kHomesAtOnce ? "" : homes.back();
  if (homes.empty()) return true;
  std::vector<LeaseRequest> asked;
  for (const std::string& session_id : homes) asked.push_back(AskFor(session_id));
  const auto found = AskLeases(far, std::move(asked), steps_.Soon());
  bool there = false;
  for (std::size_t i = 0; i < homes.size(); ++i) {
    if (!found[i].ok()) continue;
    there = true;
    if (absl::StartsWith(found[i]->lease.owner, owner_prefix_)) continue;
    const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
        [&](auto done) { near_.ReadUnflushed({homes[i]}, 0, steps_.Soon(), std::move(done)); });
    if (read.front().ok()) {
      if (read.front()->home.state == Home::State::kHome) StartOver(far, *read.front());
    } else if (IsDamaged(read.front().status())) {
      // It is not needed to know what was not flushed: all of it is put aside.
      SetLost(homes[i], found[i]->lease.owner);
    }
  }
  return there;
}

// The far store may have gone back to an earlier moment, as a standby does that was promoted without all that the
// primary had acknowledged. The near store has everything. It goes on under a fence of its own, so that no flush that
// was on its way before comes in between.
Whereabouts::Fate Whereabouts::StartOver(Backend& far, const UnflushedChanges& changes) {
  const std::string& session_id = changes.home.session_id;
  const Home& home = changes.home;
  absl::StatusOr<LeaseResult> found = AskLease(far, AskFor(session_id), steps_.Soon());
  if (!found.ok()) return Fate::kUnknown;
  const Lease& lease = found->lease;
  if (home.state == Home::State::kLeaving && IsAsLeft(*found, changes)) return Fate::kGone;
  if (IsAsFlushed(*found, home)) return Fate::kUnknown;
  const bool ours = absl::StartsWith(lease.owner, owner_prefix_);
  const bool before_it_came = lease.fence == home.lease.fence && lease.owner == home.lease.owner;
  const bool went_back =
      lease.fence <= home.lease.fence && found->revision <= home.flushed_revision && (before_it_came || !lease.live());
  if (!ours && !went_back) {
    if (home.state == Home::State::kLeaving) return Fate::kGone;
    SetLost(session_id, lease.owner);
    return Fate::kGone;
  }
  LeaseRequest take = AskFor(session_id);
  const bool pass = ours || (before_it_came && lease.held());
  take.action = pass ? LeaseRequest::Action::kPass : LeaseRequest::Action::kAcquire;
  take.owner = claims_.owner();
  take.ttl = kEndlessLease;
  take.fence = lease.fence;
  take.expected_number = found->applied_number;
  take.next_fence = NextHomeFence(std::max(lease.fence, home.far_fence));
  take.fence_step = take.next_fence - lease.fence;
  found = AskLease(far, std::move(take), steps_.Soon());
  if (!found.ok()) return Fate::kUnknown;
  HomeChange step = Step(HomeChange::Step::kStartOver, session_id);
  step.home.far_fence = found->lease.fence;
  step.home.far_number = found->applied_number;
  step.home.flushed_revision = found->revision;
  if (!ChangeIn(near_, std::move(step), steps_.Soon()).ok()) return Fate::kUnknown;
  log_(absl::StrCat("the database has lost commits of session ", session_id,
                    " that it had acknowledged; it is flushed whole"));
  table_.Flushed(session_id, /*ok=*/false);
  return Fate::kStartedOver;
}

void Whereabouts::SetLost(const std::string& session_id, const std::string& taken_by) {
  lost_[session_id] = taken_by;
  table_.Shut(session_id);
}

absl::Status Whereabouts::Lose(const std::string& session_id) {
  HomeChange step = Step(HomeChange::Step::kLose, session_id);
  const std::string taken_by = lost_[session_id];
  step.taken_by = taken_by;
  if (absl::Status lost = ChangeIn(near_, std::move(step), steps_.Soon()); !lost.ok()) return lost;
  log_(absl::StrCat("session ", session_id, " was taken by ", taken_by.empty() ? "somebody" : taken_by,
                    "; what of it was not flushed is kept aside in this server's file"));
  count_orphans_ = true;
  CountOrphans();
  lost_.erase(session_id);
  table_.Remove(session_id);
  return absl::OkStatus();
}

void Whereabouts::CountOrphans() {
  if (!count_orphans_) return;
  const auto count =
      AwaitCall<absl::StatusOr<std::uint64_t>>([&](auto done) { near_.CountOrphans(steps_.Soon(), std::move(done)); });
  // Else they are counted at the next look.
  if (!count.ok()) return;
  orphans_.store(*count);
  count_orphans_ = false;
}

}  // namespace authstate::storage
