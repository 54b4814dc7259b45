#include "storage/write_behind/flusher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

// Of a round.
constexpr std::size_t kSessions = 256;
constexpr std::size_t kBytes = std::size_t{16} << 20;
// How often leases are looked at that may have ended.
constexpr absl::Duration kLook = absl::Seconds(1);
// Between two rounds while the far store is away.
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
// Of a session whose flush is refused for what it is.
constexpr absl::Duration kLater = absl::Seconds(5);

// Whether it says that the far store is away, or has no room, and nothing about the session.
bool IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status);
}

bool IsElsewhere(const absl::Status& status) {
  return ReasonOf(status) == kStaleFence || ReasonOf(status) == kNumberGap;
}

// Whether the far store has the session as the home was flushed last.
bool IsAsFlushed(const LeaseResult& found, const Home& home) {
  return found.lease.fence == home.far_fence && found.applied_number == home.far_number;
}

// Whether it has the session as one that left.
bool IsAsLeft(const LeaseResult& found, const UnflushedChanges& changes) {
  return found.lease.fence == changes.home.lease.fence && found.lease.owner == changes.home.lease.owner &&
         found.revision == changes.home.flushed_revision && found.applied_number == changes.applied_number;
}

}  // namespace

Flusher::Flusher(NearStore* near, FarLink* far, HomeTable* table, Claims* claims, const WriteBehindOptions& options)
    : near_(*near),
      far_(*far),
      table_(*table),
      claims_(*claims),
      options_(options),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())),
      there_(far->get() != nullptr),
      thread_([this] { Run(); }) {}

Flusher::~Flusher() {
  table_.WantAllToLeave();
  {
    const absl::MutexLock lock(&mutex_);
    stop_by_ = absl::Now() + options_.stop_timeout;
  }
  table_.Wake();
  thread_.join();
  const HomeTable::State left = table_.Now();
  if (left.sessions == 0) return;
  options_.log(absl::StrCat(left.sessions, " sessions stay at home in this server's file, ", left.dirty_sessions,
                            " of them with changes that the database does not have (about ", left.bytes,
                            " bytes): start it again where that file is"));
}

void Flusher::Run() {
  absl::Duration pause = absl::ZeroDuration();
  while (true) {
    const bool eager = pause == absl::ZeroDuration();
    table_.AwaitWork(eager ? looked_at_ + kLook : absl::Now() + pause, eager);
    const bool there = Round();
    pause = there ? absl::ZeroDuration() : std::min(std::max(pause * 2, kFirstPause), kLongestPause);
    Tell(there);
    const absl::MutexLock lock(&mutex_);
    if (stop_by_ == absl::InfiniteFuture()) continue;
    if (absl::Now() >= stop_by_ || table_.Now().sessions == 0) return;
  }
}

void Flusher::Look(absl::Time now) {
  looked_at_ = now;
  table_.LetWaitingGoOn();
  for (auto at = later_.begin(); at != later_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    table_.Flushed(at->first, /*ok=*/false, now);
    later_.erase(at++);
  }
  table_.WantExpiredToLeave(now);
  if (stopping()) table_.WantAllToLeave();
}

bool Flusher::LookAtHomes(Backend& far) {
  const auto of_table = table_.Sessions();
  Sessions homes(of_table.begin(), of_table.end());
  std::sort(homes.begin(), homes.end());
  homes.erase(homes.begin(), std::upper_bound(homes.begin(), homes.end(), looked_up_to_));
  if (homes.size() > kSessions) homes.resize(kSessions);
  looked_up_to_ = homes.size() < kSessions ? "" : homes.back();
  if (homes.empty()) return true;
  std::vector<LeaseRequest> asked;
  for (const std::string& session_id : homes) asked.push_back(AskFor(session_id));
  const auto found = AskLeases(far, std::move(asked), Soon());
  bool there = false;
  for (std::size_t i = 0; i < homes.size(); ++i) {
    if (!found[i].ok()) continue;
    there = true;
    if (absl::StartsWith(found[i]->lease.owner, owner_prefix_)) continue;
    const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
        [&](auto done) { near_.ReadUnflushed({homes[i]}, 0, Soon(), std::move(done)); });
    if (read.front().ok() && read.front()->home.state == Home::State::kHome) StartOver(far, *read.front());
  }
  return there;
}

void Flusher::Tell(bool there) {
  if (there == std::exchange(there_, there)) return;
  const HomeTable::State state = table_.Now();
  options_.log(there ? absl::StrCat("the database is back; ", state.dirty_sessions, " sessions are left to flush")
                     : absl::StrCat("the database is away; ", state.sessions, " sessions at home are served"));
}

bool Flusher::Round() {
  const bool there = Work(absl::Now());
  if (there) return true;
  // Nobody is shut out of a session that cannot leave now.
  for (const std::string& session_id : table_.Leaving()) {
    if (lost_.count(session_id) == 0) table_.Stay(session_id);
  }
  return false;
}

bool Flusher::Work(absl::Time now) {
  if (absl::Status opened = far_.Open(); !opened.ok()) {
    if (!absl::IsUnavailable(opened)) Refuse("", "the database cannot be used", opened);
    return false;
  }
  refused_.erase("");
  Backend& far = *far_.get();
  if (now - looked_at_ >= kLook || stopping()) {
    Look(now);
    if (!LookAtHomes(far)) return false;
  }
  // What is still on its way after a claim that was in doubt has come to an end, one way or the other, a step later.
  if (claims_.TakeDoubt()) {
    sweep_ = true;
    sweep_again_at_ = now + options_.step_timeout;
  } else if (now >= sweep_again_at_) {
    sweep_ = true;
    sweep_again_at_ = absl::InfiniteFuture();
  }
  const Sessions dirty = table_.TakeDirty(kSessions);
  if (!dirty.empty() && !Flush(far, dirty)) return false;
  if (!Resolve(far, table_.TakeInDoubt())) return false;
  if (!Leave(far, table_.TakeLeaving(kSessions))) return false;
  if (sweep_) sweep_ = !Sweep(far);
  if (!dirty.empty()) table_.LetWaitingGoOn();
  return !sweep_;
}

void Flusher::Refuse(const std::string& session_id, const std::string& what, const absl::Status& status) {
  std::string& told = refused_[session_id];
  if (told == status.message()) return;
  told = std::string(status.message());
  options_.log(absl::StrCat(what, ": ", told));
}

bool Flusher::Flush(Backend& far, const Sessions& sessions) {
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
      [&](auto done) { near_.ReadUnflushed(sessions, kBytes, Soon(), std::move(done)); });
  for (std::size_t i = read.size(); i < sessions.size(); ++i) table_.Flushed(sessions[i], /*ok=*/false, absl::Now());
  std::vector<Commit> commits;
  std::vector<const UnflushedChanges*> flushed;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i].ok()) {
      Refuse(sessions[i], absl::StrCat("what is to be flushed of session ", sessions[i], " cannot be read"),
             read[i].status());
      later_[sessions[i]] = absl::Now() + kLater;
      continue;
    }
    const UnflushedChanges& changes = *read[i];
    if (!changes.any) {
      table_.Flushed(changes.home.session_id, /*ok=*/true, absl::Now());
      continue;
    }
    Commit commit = changes.commit;
    commit.fence = changes.home.far_fence;
    commit.number = changes.home.far_number + 1;
    // By which the driver looks up what is in doubt; the number tells.
    commit.id =
        absl::Uniform<std::uint64_t>(absl::IntervalClosed, random_, 1, std::numeric_limits<std::int64_t>::max());
    commit.wait_for_lock = false;
    commits.push_back(std::move(commit));
    flushed.push_back(&changes);
  }
  if (commits.empty()) return true;
  const auto results = ApplyTo(far, std::move(commits), Soon());
  std::vector<HomeChange> steps;
  // One session that always takes too long does not mean that the far store is away.
  const bool answers = std::any_of(results.begin(), results.end(), [](const auto& result) {
    return result.ok() || (IsNotApplied(result.status()) && !IsAway(result.status()));
  });
  bool there = true;
  for (std::size_t i = 0; i < flushed.size(); ++i) {
    const bool understood = Understand(far, *flushed[i], results[i], &steps);
    if (!understood && answers) later_[flushed[i]->home.session_id] = absl::Now() + kLater;
    there = there && (understood || answers);
  }
  if (steps.empty()) return there;
  const std::vector<absl::Status> changed = ChangeIn(near_, steps, Soon());
  std::size_t place = 0;
  for (std::size_t i = 0; i < flushed.size(); ++i) {
    if (!results[i].ok()) continue;
    // Where it is not known here it is flushed again, as the same number; and what is of later revisions than what was
    // applied goes next.
    const bool whole = results[i]->revision >= flushed[i]->commit.carried->revision;
    table_.Flushed(flushed[i]->home.session_id, changed[place++].ok() && whole, absl::Now());
  }
  return there && std::all_of(changed.begin(), changed.end(), [](const absl::Status& status) { return status.ok(); });
}

bool Flusher::Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result,
                         std::vector<HomeChange>* flushed) {
  const std::string& session_id = changes.home.session_id;
  if (result.ok()) {
    refused_.erase(session_id);
    HomeChange step = Step(HomeChange::Step::kFlushed, session_id);
    step.home.far_fence = changes.home.far_fence;
    step.home.far_number = changes.home.far_number + 1;
    // Less than what was sent where an earlier attempt was applied.
    step.home.flushed_revision = result->revision;
    flushed->push_back(std::move(step));
    return true;
  }
  const absl::Status& status = result.status();
  if (IsSessionLocked(status)) {
    later_[session_id] = absl::Now();
    return true;
  }
  if (IsElsewhere(status)) {
    const Fate fate = StartOver(far, changes);
    if (fate == Fate::kUnknown) table_.Flushed(session_id, /*ok=*/false, absl::Now());
    return fate != Fate::kUnknown;
  }
  if (IsAway(status) || OutcomeOf(status) != Outcome::kNotApplied) {
    table_.Flushed(session_id, /*ok=*/false, absl::Now());
    return false;
  }
  Refuse(session_id, absl::StrCat("session ", session_id, " cannot be flushed"), status);
  later_[session_id] = absl::Now() + kLater;
  return true;
}

// The far store may have gone back to an earlier moment, as a standby does that was promoted without all that the
// primary had acknowledged. The near store has everything. It goes on under a fence of its own, so that no flush that
// was on its way before comes in between.
Flusher::Fate Flusher::StartOver(Backend& far, const UnflushedChanges& changes) {
  const std::string& session_id = changes.home.session_id;
  const Home& home = changes.home;
  absl::StatusOr<LeaseResult> found = AskLease(far, AskFor(session_id), Soon());
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
    lost_[session_id] = lease.owner;
    table_.Shut(session_id);
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
  found = AskLease(far, std::move(take), Soon());
  if (!found.ok()) return Fate::kUnknown;
  HomeChange step = Step(HomeChange::Step::kStartOver, session_id);
  step.home.far_fence = found->lease.fence;
  step.home.far_number = found->applied_number;
  step.home.flushed_revision = found->revision;
  if (!ChangeIn(near_, std::move(step), Soon()).ok()) return Fate::kUnknown;
  options_.log(absl::StrCat("the database has lost commits of session ", session_id,
                            " that it had acknowledged; it is flushed whole"));
  table_.Flushed(session_id, /*ok=*/false, absl::Now());
  return Fate::kStartedOver;
}

bool Flusher::Lose(const std::string& session_id) {
  HomeChange step = Step(HomeChange::Step::kLose, session_id);
  step.taken_by = lost_[session_id];
  options_.log(absl::StrCat("session ", session_id, " was taken by ",
                            step.taken_by.empty() ? "somebody" : step.taken_by,
                            "; what of it was not flushed is kept aside in this server's file"));
  if (!ChangeIn(near_, std::move(step), Soon()).ok()) return false;
  lost_.erase(session_id);
  table_.Remove(session_id);
  return true;
}

bool Flusher::Leave(Backend& far, const Sessions& sessions) {
  Sessions leaving;
  bool lost = true;
  for (const std::string& session_id : sessions) {
    if (lost_.count(session_id) > 0) {
      lost = Lose(session_id) && lost;
    } else {
      leaving.push_back(session_id);
    }
  }
  if (leaving.empty()) return lost;
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>([&](auto done) {
    near_.ReadUnflushed(leaving, std::numeric_limits<std::size_t>::max(), Soon(), std::move(done));
  });
  std::vector<UnflushedChanges> flushed;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::string& session_id = leaving[i];
    if (!read[i].ok()) {
      table_.Stay(session_id);
    } else if (read[i]->any) {
      // The next round flushes it; who is shut out waits for that.
      if (later_.count(session_id) > 0) {
        table_.Stay(session_id);
      } else {
        table_.Flushed(session_id, /*ok=*/false, absl::Now());
      }
    } else {
      flushed.push_back(*read[i]);
    }
  }
  return GiveBack(far, flushed) && lost;
}

bool Flusher::GiveBack(Backend& far, const std::vector<UnflushedChanges>& leaving) {
  if (leaving.empty()) return true;
  // In an outage nothing moves, and nobody is shut out: only a far store that has just answered is asked.
  std::vector<LeaseRequest> asked;
  for (const UnflushedChanges& changes : leaving) asked.push_back(AskFor(changes.home.session_id));
  const auto found = AskLeases(far, std::move(asked), Soon());
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
    if (!found[i].ok() || StartOver(far, leaving[i]) != Fate::kGone) table_.Stay(home.session_id);
    all = false;
  }
  if (steps.empty()) return all;
  const std::vector<absl::Status> left = ChangeIn(near_, std::move(steps), Soon());
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
  const auto passed = AskLeases(far, passing, Soon());
  std::vector<HomeChange> gone;
  for (std::size_t i = 0; i < passing.size(); ++i) {
    const std::string& session_id = passing[i].session_id;
    if (passed[i].ok()) {
      gone.push_back(Step(HomeChange::Step::kLeft, session_id));
      gone.back().home.far_fence = passing[i].next_fence;
      continue;
    }
    all = false;
    if (IsNotApplied(passed[i].status()) && !IsElsewhere(passed[i].status()) &&
        ChangeIn(near_, Step(HomeChange::Step::kStay, session_id), Soon()).ok()) {
      table_.Stay(session_id);
    } else {
      table_.Doubt(session_id);
    }
  }
  // Where it is not known here, the copy is not used.
  (void)ChangeIn(near_, gone, Soon());
  for (const HomeChange& step : gone) table_.Remove(step.session_id);
  return all;
}

// What is in doubt is asked for again until it is known to be done: the first request, should it still be on its way,
// is refused then.
bool Flusher::Resolve(Backend& far, const Sessions& sessions) {
  for (const std::string& session_id : sessions) {
    const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
        [&](auto done) { near_.ReadUnflushed({session_id}, 0, Soon(), std::move(done)); });
    if (!read.front().ok()) return false;
    const UnflushedChanges& changes = *read.front();
    const Home& home = changes.home;
    // What is served again after a restart is not asked to be given back.
    if (home.state == Home::State::kHome && !ChangeIn(near_, Step(HomeChange::Step::kLeave, session_id), Soon()).ok()) {
      return false;
    }
    LeaseRequest pass = PassTo(session_id, home.far_fence, home.lease, changes.applied_number);
    pass.expected_number = home.far_number;
    const absl::Status passed = AskLease(far, std::move(pass), Soon()).status();
    if (!passed.ok() && !IsElsewhere(passed)) return false;
    if (!passed.ok()) {
      // Done before, as a rule.
      UnflushedChanges leaving = changes;
      leaving.home.state = Home::State::kLeaving;
      const Fate fate = StartOver(far, leaving);
      if (fate == Fate::kUnknown) return false;
      if (fate == Fate::kStartedOver) {
        table_.Stay(session_id);
        continue;
      }
    }
    HomeChange step = Step(HomeChange::Step::kLeft, session_id);
    step.home.far_fence = changes.home.lease.fence;
    if (!ChangeIn(near_, std::move(step), Soon()).ok()) return false;
    table_.Remove(session_id);
  }
  return true;
}

bool Flusher::Sweep(Backend& far) {
  ListRequest request;
  request.leased = true;
  request.owner_prefix = owner_prefix_;
  request.limit = kSessions;
  while (true) {
    const auto listed = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
        [&](auto done) { far.List(request, Soon(), std::move(done)); });
    if (!listed.ok()) return false;
    for (const SessionSummary& session : *listed) {
      request.after = session.session_id;
      // A claim of it that begins meanwhile passes it on itself, and this is refused then.
      if (!table_.BeginClaim(session.session_id)) continue;
      const absl::Status given = claims_.GiveBack(far, session.session_id, session.lease.fence);
      table_.EndClaim(session.session_id, /*at_home=*/false, Lease(), absl::Now());
      if (!given.ok() && !IsElsewhere(given)) return false;
    }
    if (listed->size() < request.limit) return true;
  }
}

}  // namespace authstate::storage
