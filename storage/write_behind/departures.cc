#include "storage/write_behind/departures.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kSessionsListed = 256;

// An error of the near store, which does not say that the far one is away.
absl::Status OfNear(const absl::Status& status) { return absl::UnknownError(status.message()); }

}  // namespace

Departures::Departures(NearStore* near, HomeTable* table, Claims* claims, Whereabouts* whereabouts,
                       const Flushes* flushes, Refusals* refusals, const StepDeadline* steps)
    : near_(*near),
      table_(*table),
      claims_(*claims),
      whereabouts_(*whereabouts),
      flushes_(*flushes),
      refusals_(*refusals),
      steps_(*steps),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())) {}

bool Departures::Leave(Backend& far, const std::vector<std::string>& sessions) {
  std::vector<std::string> leaving;
  for (const std::string& session_id : sessions) {
    if (!whereabouts_.IsLost(session_id)) {
      leaving.push_back(session_id);
      continue;
    }
    if (const absl::Status lost = whereabouts_.Lose(session_id); lost.ok()) {
      refusals_.Forget(session_id);
    } else {
      PutOff(session_id, OfNear(lost));
    }
  }
  if (leaving.empty()) return true;
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>([&](auto done) {
    near_.ReadUnflushed(leaving, std::numeric_limits<std::size_t>::max(), steps_.Soon(), std::move(done));
  });
  std::vector<UnflushedChanges> flushed;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::string& session_id = leaving[i];
    if (!read[i].ok()) {
      table_.Stay(session_id);
    } else if (read[i]->any) {
      // The next round flushes it; who is shut out waits for that.
      if (flushes_.IsPutOff(session_id)) {
        table_.Stay(session_id);
      } else {
        table_.Flushed(session_id, /*ok=*/false);
      }
    } else {
      flushed.push_back(*read[i]);
    }
  }
  return GiveBack(far, flushed);
}

bool Departures::GiveBack(Backend& far, const std::vector<UnflushedChanges>& leaving) {
  if (leaving.empty()) return true;
  // In an outage nothing moves, and nobody is shut out: only a far store that has just answered is asked.
  std::vector<LeaseRequest> asked;
  for (const UnflushedChanges& changes : leaving) asked.push_back(AskFor(changes.home.session_id));
  const auto found = AskLeases(far, std::move(asked), steps_.Soon());
  bool all = true;
  std::vector<LeaseRequest> requests;
  std::vector<HomeChange> steps;
  for (std::size_t i = 0; i < leaving.size(); ++i) {
    const Home& home = leaving[i].home;
    if (found[i].ok() && IsAsFlushed(*found[i], home)) {
      requests.push_back(PassTo(home.session_id, home.far_fence, home.lease, leaving[i].applied_number));
      requests.back().expected_number = home.far_number;
      steps.push_back(Step(HomeChange::Step::kLeave, home.session_id));
      continue;
    }
    if (!found[i].ok() || whereabouts_.StartOver(far, leaving[i]) != Whereabouts::Fate::kGone)
      table_.Stay(home.session_id);
    all = false;
  }
  if (steps.empty()) return all;
  const std::vector<absl::Status> left = ChangeIn(near_, std::move(steps), steps_.Soon());
  std::vector<LeaseRequest> passing;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].ok()) {
      passing.push_back(std::move(requests[i]));
      continue;
    }
    all = false;
    if (IsNotApplied(left[i])) {
      table_.Stay(requests[i].session_id);
    } else {
      table_.Doubt(requests[i].session_id);
    }
  }
  if (passing.empty()) return all;
  const auto passed = AskLeases(far, passing, steps_.Soon());
  std::vector<HomeChange> gone;
  for (std::size_t i = 0; i < passing.size(); ++i) {
    const std::string& session_id = passing[i].session_id;
    if (passed[i].ok()) {
      gone.push_back(Step(HomeChange::Step::kLeft, session_id));
      gone.back().home.far_fence = passing[i].next_fence;
      gone.back().home.far_update_time = passed[i]->update_time;
      continue;
    }
    all = false;
    if (IsNotApplied(passed[i].status()) && !IsElsewhere(passed[i].status()) &&
        ChangeIn(near_, Step(HomeChange::Step::kStay, session_id), steps_.Soon()).ok()) {
      table_.Stay(session_id);
    } else {
      table_.Doubt(session_id);
    }
  }
  // Where it is not known here, the copy is not used.
  (void)ChangeIn(near_, gone, steps_.Soon());
  for (const HomeChange& step : gone) table_.Remove(step.session_id);
  return all;
}

bool Departures::Resolve(Backend& far, const std::vector<std::string>& sessions) {
  for (const std::string& session_id : sessions) {
    const absl::Status resolved = ResolveOne(far, session_id);
    if (resolved.ok()) {
      refusals_.Forget(session_id);
      continue;
    }
    if (IsAway(resolved) && !IsSessionLocked(resolved)) return false;
    PutOff(session_id, resolved);
  }
  return true;
}

void Departures::PutOff(const std::string& session_id, const absl::Status& why) {
  if (!IsSessionLocked(why) && !IsElsewhere(why)) {
    refusals_.Tell(session_id, absl::StrCat("session ", session_id, " cannot leave this server's file"), why);
  }
  table_.PutOffLeaving(session_id);
}

// What is in doubt is asked for again until it is known to be done: the first request, should it still be on its way,
// is refused then.
absl::Status Departures::ResolveOne(Backend& far, const std::string& session_id) {
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
      [&](auto done) { near_.ReadUnflushed({session_id}, 0, steps_.Soon(), std::move(done)); });
  if (!read.front().ok()) return OfNear(read.front().status());
  const UnflushedChanges& changes = *read.front();
  const Home& home = changes.home;
  // What is served again after a restart is not asked to be given back.
  if (home.state == Home::State::kHome) {
    absl::Status left = ChangeIn(near_, Step(HomeChange::Step::kLeave, session_id), steps_.Soon());
    if (!left.ok()) return OfNear(left);
  }
  LeaseRequest pass = PassTo(session_id, home.far_fence, home.lease, changes.applied_number);
  pass.expected_number = home.far_number;
  const absl::StatusOr<LeaseResult> passed = AskLease(far, std::move(pass), steps_.Soon());
  if (!passed.ok() && !IsElsewhere(passed.status())) return passed.status();
  if (!passed.ok()) {
    // Done before, as a rule.
    UnflushedChanges leaving = changes;
    leaving.home.state = Home::State::kLeaving;
    const Whereabouts::Fate fate = whereabouts_.StartOver(far, leaving);
    if (fate == Whereabouts::Fate::kUnknown) return passed.status();
    if (fate == Whereabouts::Fate::kStartedOver) {
      table_.Stay(session_id);
      return absl::OkStatus();
    }
  }
  HomeChange step = Step(HomeChange::Step::kLeft, session_id);
  step.home.far_fence = changes.home.lease.fence;
  if (passed.ok()) step.home.far_update_time = passed->update_time;
  if (absl::Status left = ChangeIn(near_, std::move(step), steps_.Soon()); !left.ok()) return OfNear(left);
  table_.Remove(session_id);
  return absl::OkStatus();
}

bool Departures::Sweep(Backend& far) {
  ListRequest request;
  request.leased = true;
  request.owner_prefix = owner_prefix_;
  request.limit = kSessionsListed;
  while (true) {
    const auto listed = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
        [&](auto done) { far.List(request, steps_.Soon(), std::move(done)); });
    if (!listed.ok()) return false;
    for (const SessionSummary& session : *listed) {
      request.after = session.session_id;
      // A claim of it that begins meanwhile passes it on itself, and this is refused then.
      if (!table_.BeginClaim(session.session_id)) continue;
      const absl::Status given = claims_.GiveBack(far, session.session_id, session.lease.fence);
      table_.EndClaim(session.session_id, /*at_home=*/false, Lease());
      if (!given.ok() && !IsElsewhere(given)) return false;
    }
    if (listed->size() < request.limit) return true;
  }
}

}  // namespace authstate::storage
