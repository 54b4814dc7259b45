#include "storage/write_behind/flusher.h"

#include <algorithm>
#include <limits>
#include <utility>

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

}  // namespace

Flusher::Flusher(NearStore* near, FarLink* far, HomeTable* table, Copies* copies, Claims* claims,
                 const WriteBehindOptions& options)
    : near_(*near),
      far_(*far),
      table_(*table),
      copies_(*copies),
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
  table_.LetWaitingGoOn(now, /*anyway=*/true);
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
  if (now - looked_at_ >= kLook || stopping()) Look(now);
  Backend& far = *far_.get();
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
  if (!dirty.empty()) table_.LetWaitingGoOn(absl::Now(), /*anyway=*/false);
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
  bool there = true;
  for (std::size_t i = 0; i < flushed.size(); ++i) there = Understand(far, *flushed[i], results[i], &steps) && there;
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
  if (ReasonOf(status) == kStaleFence || ReasonOf(status) == kNumberGap) {
    const Fate fate = FateOf(far, changes);
    if (fate == Fate::kTaken) {
      lost_[session_id] = OwnerOf(status).value_or("");
      table_.Shut(session_id);
      return true;
    }
    table_.Flushed(session_id, /*ok=*/false, absl::Now());
    return fate == Fate::kStartedOver;
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
// primary had acknowledged. The near store has everything.
Flusher::Fate Flusher::FateOf(Backend& far, const UnflushedChanges& changes) {
  const std::string& session_id = changes.home.session_id;
  absl::StatusOr<LeaseResult> found = AskLease(far, AskFor(session_id), Soon());
  if (!found.ok()) return Fate::kUnknown;
  if (found->lease.fence != changes.home.far_fence) {
    const bool went_back = found->lease.fence < changes.home.far_fence && found->revision < changes.home.revision;
    if (!went_back || found->lease.live()) return Fate::kTaken;
    LeaseRequest acquire = AskFor(session_id);
    acquire.action = LeaseRequest::Action::kAcquire;
    acquire.owner = claims_.owner();
    acquire.ttl = kEndlessLease;
    acquire.fence_step = changes.home.far_fence - found->lease.fence + kFencesOfAHome;
    found = AskLease(far, std::move(acquire), Soon());
    if (!found.ok()) return Fate::kUnknown;
  }
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
                            "; what was not flushed is kept aside: authstatectl write-behind orphans list"));
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
  std::vector<LeaseRequest> requests;
  std::vector<HomeChange> steps;
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
      requests.push_back(PassTo(session_id, read[i]->home.far_fence, read[i]->home.lease, read[i]->applied_number));
      steps.push_back(Step(HomeChange::Step::kLeave, session_id));
    }
  }
  if (steps.empty()) return lost;
  const std::vector<absl::Status> left = ChangeIn(near_, std::move(steps), Soon());
  std::vector<LeaseRequest> passing;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].ok()) {
      passing.push_back(std::move(requests[i]));
    } else {
      table_.Doubt(requests[i].session_id);
    }
  }
  if (passing.empty()) return false;
  const auto passed = AskLeases(far, passing, Soon());
  bool there = lost && passing.size() == left.size();
  std::vector<HomeChange> gone;
  for (std::size_t i = 0; i < passing.size(); ++i) {
    const std::string& session_id = passing[i].session_id;
    if (passed[i].ok()) {
      gone.push_back(Step(HomeChange::Step::kLeft, session_id));
      gone.back().home.far_fence = passing[i].next_fence;
      gone.back().home.revision = passed[i]->revision;
      continue;
    }
    const bool not_applied = OutcomeOf(passed[i].status()) == Outcome::kNotApplied;
    if (not_applied && ReasonOf(passed[i].status()) != kStaleFence &&
        ChangeIn(near_, Step(HomeChange::Step::kStay, session_id), Soon()).ok()) {
      table_.Stay(session_id);
    } else {
      table_.Doubt(session_id);
    }
    there = false;
  }
  const std::vector<absl::Status> known = ChangeIn(near_, gone, Soon());
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const HomeChange& step = gone[i];
    // Where it is not known here it may be asked for again.
    if (known[i].ok()) copies_.Put(step.session_id, {step.home.far_fence, step.home.revision});
    table_.Remove(step.session_id);
  }
  return there;
}

// What is in doubt is asked for again until it is known to be done: the first request, should it still be on its way,
// is refused then.
bool Flusher::Resolve(Backend& far, const Sessions& sessions) {
  for (const std::string& session_id : sessions) {
    const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
        [&](auto done) { near_.ReadUnflushed({session_id}, 0, Soon(), std::move(done)); });
    if (!read.front().ok()) return false;
    const UnflushedChanges& changes = *read.front();
    const auto passed =
        AskLease(far, PassTo(session_id, changes.home.far_fence, changes.home.lease, changes.applied_number), Soon());
    if (!passed.ok() && ReasonOf(passed.status()) != kStaleFence) return false;
    if (!passed.ok()) {
      // Done before, as a rule.
      const Fate fate = FateOf(far, changes);
      if (fate == Fate::kUnknown) return false;
      if (fate == Fate::kStartedOver) {
        if (!ChangeIn(near_, Step(HomeChange::Step::kStay, session_id), Soon()).ok()) return false;
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
      const bool forgotten = ChangeIn(near_, Step(HomeChange::Step::kForget, session.session_id), Soon()).ok();
      Lease lease;
      lease.fence = session.lease.fence - kFencesOfAHome;
      if (forgotten) (void)AskLease(far, PassTo(session.session_id, session.lease.fence, lease, 0), Soon());
      table_.EndClaim(session.session_id, /*at_home=*/false, Lease(), absl::Now());
      if (!forgotten) return false;
    }
    if (listed->size() < request.limit) return true;
  }
}

}  // namespace authstate::storage
