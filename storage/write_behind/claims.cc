#include "storage/write_behind/claims.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;
// Where others move the lease meanwhile.
constexpr int kMaxTries = 5;

Lease NobodysUnder(std::uint64_t fence) {
  Lease lease;
  lease.fence = fence;
  return lease;
}

}  // namespace

Claims::Claims(NearStore* near, const FarLink* far, HomeTable* table, std::string owner, const StepDeadline* steps,
               const WriteBehindOptions& options)
    : near_(*near),
      far_(*far),
      table_(*table),
      steps_(*steps),
      owner_(std::move(owner)),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())) {
  for (int i = 0; i < options.claims; ++i) threads_.emplace_back([this] { Run(); });
}

Claims::~Claims() {
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void Claims::Claim(LeaseRequest request, absl::Time deadline, std::shared_ptr<std::atomic<bool>> moved) {
  const absl::MutexLock lock(&mutex_);
  queue_.push_back({std::move(request), deadline, std::move(moved)});
}

void Claims::Run() {
  while (true) {
    Queued queued;
    bool closed = false;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Claims::Ready));
      if (queue_.empty()) return;
      queued = std::move(queue_.front());
      queue_.pop_front();
      closed = closed_;
    }
    Backend* const far = far_.get();
    Lease lease;
    const bool at_home = far != nullptr && !closed && queued.deadline > absl::Now() &&
                         Bring(*far, queued.request, &lease, queued.moved.get());
    table_.EndClaim(queued.request.session_id, at_home, lease);
  }
}

bool Claims::Bring(Backend& far, const LeaseRequest& request, Lease* lease, std::atomic<bool>* moved) {
  const std::string& session_id = request.session_id;
  const absl::StatusOr<Taken> taken = Take(far, request, moved);
  if (!taken.ok()) return false;
  const absl::Status arrived = Arrive(far, session_id, *taken);
  if (arrived.ok()) {
    *lease = taken->origin.lease;
    return true;
  }
  // What may be a home in the near store would be served from there after a restart.
  const std::uint64_t fence = taken->home.lease.fence;
  const bool is_none =
      OutcomeOf(arrived) == Outcome::kNotApplied || Note(session_id, taken->origin, fence, /*copy_of=*/nullptr).ok();
  if (!is_none || !GiveBack(far, session_id, fence).ok()) doubt_.store(true);
  return false;
}

absl::StatusOr<Claims::Taken> Claims::Take(Backend& far, const LeaseRequest& request, std::atomic<bool>* moved) {
  const std::string& session_id = request.session_id;
  // The same in all tries: one that was in doubt and took the session is found again by its fence.
  const std::uint64_t ahead = NextHomeFence(0);
  absl::Status last;
  for (int i = 0; i < kMaxTries; ++i) {
    const absl::StatusOr<LeaseResult> found = AskLease(far, AskFor(session_id), steps_.Soon());
    if (!found.ok()) return found.status();
    const Lease& lease = found->lease;
    Taken taken;
    taken.origin = {lease, found->applied_number};
    LeaseRequest take = AskFor(session_id);
    take.action = LeaseRequest::Action::kPass;
    take.owner = owner_;
    take.ttl = kEndlessLease;
    take.fence = lease.fence;
    take.expected_number = found->applied_number;
    take.fence_step = ahead;
    take.next_fence = lease.fence + ahead;
    if (absl::StartsWith(lease.owner, owner_prefix_)) {
      // The claim was in doubt, and nobody has had it since.
      absl::StatusOr<Origin> origin = OriginOf(session_id, lease.fence);
      if (!origin.ok()) return origin.status();
      taken.origin = *std::move(origin);
    } else {
      LeaseResult next = *found;
      // The far store tells why better than this can.
      absl::Status may = Advance(request, absl::Now(), &next);
      if (!may.ok()) return may;
      if (!lease.held() || next.lease.owner != lease.owner) {
        // It has another owner from now on, if the far store finds that it may.
        take.action = LeaseRequest::Action::kAcquire;
        take.steal = request.steal;
        taken.origin = {NobodysUnder(lease.fence), lease.held() ? 0 : found->applied_number};
      }
    }
    absl::Status noted = Note(session_id, taken.origin, take.next_fence, &*found);
    if (!noted.ok()) return noted;
    const absl::StatusOr<LeaseResult> home = AskLease(far, take, steps_.Soon());
    if (!home.ok()) {
      last = home.status();
      const bool in_doubt = OutcomeOf(last) != Outcome::kNotApplied;
      if (in_doubt) {
        moved->store(true);
        doubt_.store(true);
      }
      const bool again =
          in_doubt || ReasonOf(last) == kStaleFence || ReasonOf(last) == kLeaseHeld || ReasonOf(last) == kNumberGap;
      if (!again) return last;
      continue;
    }
    // Else others have moved it meanwhile: it was taken from another fence than that which is written down.
    moved->store(true);
    if (home->lease.fence != take.next_fence) continue;
    taken.home = *home;
    return taken;
  }
  return last;
}

absl::StatusOr<Claims::Origin> Claims::OriginOf(const std::string& session_id, std::uint64_t fence) {
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
      [&](auto done) { near_.ReadUnflushed({session_id}, 0, steps_.Soon(), std::move(done)); });
  const absl::StatusOr<UnflushedChanges>& noted = read.front();
  if (!noted.ok() && !absl::IsNotFound(noted.status())) return noted.status();
  if (noted.ok() && noted->home.state == Home::State::kTaking && noted->home.far_fence == fence) {
    return Origin{noted->home.lease, noted->applied_number};
  }
  // The far store has gone back, or taken late what was asked long ago. All fences of that time are behind this one.
  Origin nobody{NobodysUnder(fence + 1), 0};
  if (absl::Status made = Note(session_id, nobody, fence, /*copy_of=*/nullptr); !made.ok()) return made;
  return nobody;
}

absl::Status Claims::Note(const std::string& session_id, const Origin& origin, std::uint64_t far_fence,
                          const LeaseResult* copy_of) {
  HomeChange take = Step(HomeChange::Step::kTake, session_id);
  take.home.far_fence = far_fence;
  take.home.lease = origin.lease;
  take.applied_number = origin.applied_number;
  take.keeps_copy = copy_of != nullptr;
  if (copy_of != nullptr) {
    take.home.revision = copy_of->revision;
    take.home.far_update_time = copy_of->update_time;
  }
  return ChangeIn(near_, std::move(take), steps_.Soon());
}

absl::Status Claims::Arrive(Backend& far, const std::string& session_id, const Taken& taken) {
  HomeChange arrive = Step(HomeChange::Step::kArrive, session_id);
  arrive.home.far_fence = taken.home.lease.fence;
  arrive.home.far_number = taken.home.applied_number;
  arrive.home.revision = taken.home.revision;
  arrive.home.far_update_time = taken.home.update_time;
  arrive.home.lease = taken.origin.lease;
  arrive.applied_number = taken.origin.applied_number;
  if (TellsChangesByRevision(far)) {
    absl::Status arrived = ChangeIn(near_, arrive, steps_.Soon());
    if (!absl::IsFailedPrecondition(arrived)) return arrived;
  }
  if (absl::Status filled = Fill(far, taken, &arrive); !filled.ok()) {
    return WithOutcome(filled, Outcome::kNotApplied);
  }
  return ChangeIn(near_, std::move(arrive), steps_.Soon());
}

absl::Status Claims::Fill(Backend& far, const Taken& taken, HomeChange* arrive) {
  const std::string& session_id = arrive->session_id;
  absl::Status emptied = Note(session_id, taken.origin, taken.home.lease.fence, /*copy_of=*/nullptr);
  if (!emptied.ok()) return emptied;
  arrive->filled = true;
  // A session that was deleted still knows them, and has no snapshot.
  arrive->recent = taken.home.recent;
  SnapshotRequest request;
  request.session_id = session_id;
  const absl::Time deadline = steps_.Soon();
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = absl::UnknownError("");
  while (true) {
    snapshot = AwaitCall<absl::StatusOr<std::unique_ptr<Snapshot>>>(
        [&](auto done) { far.OpenSnapshot(request, deadline, std::move(done)); });
    // As many are open as may be.
    if (!absl::IsResourceExhausted(snapshot.status()) || absl::Now() >= deadline) break;
    absl::SleepFor(RetryDelayOf(snapshot.status()).value_or(absl::Milliseconds(100)));
  }
  if (absl::IsNotFound(snapshot.status())) return absl::OkStatus();
  if (!snapshot.ok()) return snapshot.status();
  // Stolen meanwhile, it is of the thief: at home here, the same revisions would be given twice.
  if (absl::Status still = CheckFence((*snapshot)->lease(), taken.home.lease.fence); !still.ok()) return still;
  arrive->home.revision = (*snapshot)->revision();
  arrive->recent = (*snapshot)->recent_commits();
  bool first = true;
  while (true) {
    auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
        [&](auto done) { (*snapshot)->Next(kPageBytes, steps_.Soon(), std::move(done)); });
    if (!page.ok()) return page.status();
    HomeChange fill = Step(HomeChange::Step::kFill, session_id);
    fill.commit.session_id = session_id;
    if (taken.origin.lease.held()) fill.commit.fence = taken.origin.lease.fence;
    if (std::exchange(first, false)) fill.commit.creds = (*snapshot)->creds();
    fill.commit.sets = std::move(page->keys);
    if (absl::Status filled = ChangeIn(near_, std::move(fill), steps_.Soon()); !filled.ok()) return filled;
    if (page->last) return absl::OkStatus();
  }
}

absl::Status Claims::GiveBack(Backend& far, const std::string& session_id, std::uint64_t fence) {
  const absl::StatusOr<Origin> origin = OriginOf(session_id, fence);
  if (!origin.ok()) return origin.status();
  return AskLease(far, PassTo(session_id, fence, origin->lease, origin->applied_number), steps_.Soon()).status();
}

}  // namespace authstate::storage
