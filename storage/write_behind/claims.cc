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

bool IsHome(const Lease& lease) { return absl::StartsWith(lease.owner, kHomeOwnerPrefix); }

Lease NobodysUnder(std::uint64_t fence) {
  Lease lease;
  lease.fence = fence;
  return lease;
}

}  // namespace

Claims::Claims(NearStore* near, const FarLink* far, HomeTable* table, Copies* copies, std::string owner,
               const WriteBehindOptions& options)
    : near_(*near),
      far_(*far),
      table_(*table),
      copies_(*copies),
      owner_(std::move(owner)),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())),
      step_timeout_(options.step_timeout) {
  for (int i = 0; i < options.claims; ++i) threads_.emplace_back([this] { Run(); });
}

Claims::~Claims() {
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Time Claims::Soon() const { return absl::Now() + step_timeout_; }

void Claims::Claim(LeaseRequest request) {
  const absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(request));
}

void Claims::Run() {
  while (true) {
    LeaseRequest request;
    bool closed = false;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Claims::Ready));
      if (queue_.empty()) return;
      request = std::move(queue_.front());
      queue_.pop_front();
      closed = closed_;
    }
    const std::string& session_id = request.session_id;
    Backend* const far = far_.get();
    absl::StatusOr<Taken> taken = far == nullptr || closed ? QueueFull() : Take(*far, request);
    bool at_home = false;
    if (taken.ok()) {
      bool arriving = false;
      at_home = Bring(*far, session_id, *taken, &arriving).ok();
      if (!at_home) GiveBack(*far, session_id, *taken, arriving);
    }
    table_.EndClaim(session_id, at_home, at_home ? taken->lease : Lease(), absl::Now());
  }
}

absl::StatusOr<Claims::Taken> Claims::Take(Backend& far, const LeaseRequest& request) {
  absl::Status last;
  for (int i = 0; i < kMaxTries; ++i) {
    const absl::StatusOr<LeaseResult> found = AskLease(far, AskFor(request.session_id), Soon());
    if (!found.ok()) return found.status();
    const Lease& lease = found->lease;
    Taken taken;
    LeaseRequest take = AskFor(request.session_id);
    take.owner = owner_;
    take.ttl = kEndlessLease;
    const bool ours = absl::StartsWith(lease.owner, owner_prefix_);
    if (ours) {
      // Of a claim that was in doubt. Nobody has had it since.
      take.action = LeaseRequest::Action::kPass;
      take.fence = lease.fence;
      take.next_fence = lease.fence;
    } else {
      Lease next = lease;
      // The far store tells why better than this can.
      if (absl::Status may = Advance(request, absl::Now(), &next); !may.ok()) return may;
      take.action = lease.held() ? LeaseRequest::Action::kPass : LeaseRequest::Action::kAcquire;
      take.fence = lease.fence;
      take.next_fence = lease.fence + kFencesOfAHome;
      take.fence_step = kFencesOfAHome;
    }
    absl::StatusOr<LeaseResult> home = AskLease(far, std::move(take), Soon());
    if (!home.ok()) {
      last = home.status();
      if (OutcomeOf(last) != Outcome::kNotApplied) {
        doubt_.store(true);
        return last;
      }
      if (ReasonOf(last) == kStaleFence || ReasonOf(last) == kLeaseHeld) continue;
      return last;
    }
    taken.home = *std::move(home);
    if (!ours && lease.held() && !IsHome(lease)) {
      // Its owner stays that, or loses it to the request, by the rules of the near store.
      taken.lease = lease;
      taken.applied_number = taken.home.applied_number;
    } else if (!ours && lease.held()) {
      // Stolen from another home: all fences that it gave are less than its own.
      taken.lease = NobodysUnder(lease.fence);
    } else {
      taken.lease = NobodysUnder(taken.home.lease.fence - kFencesOfAHome);
    }
    return taken;
  }
  return last;
}

absl::Status Claims::Bring(Backend& far, const std::string& session_id, const Taken& taken, bool* arriving) {
  HomeChange arrive = Step(HomeChange::Step::kArrive, session_id);
  arrive.home.far_fence = taken.home.lease.fence;
  arrive.home.far_number = taken.home.applied_number;
  arrive.home.revision = taken.home.revision;
  arrive.home.lease = taken.lease;
  arrive.applied_number = taken.applied_number;
  const std::optional<Copies::Copy> copy = copies_.Take(session_id);
  // In the legacy layout others write without a new revision.
  const bool same = copy.has_value() && copy->revision == taken.home.revision && copy->far_fence == taken.lease.fence &&
                    far.Describe().layout != "legacy";
  if (!same) {
    absl::Status filled = Fill(far, session_id, &arrive.home.revision, &arrive.recent);
    if (!filled.ok()) return filled;
  }
  *arriving = true;
  return ChangeIn(near_, std::move(arrive), Soon());
}

absl::Status Claims::Fill(Backend& far, const std::string& session_id, std::uint64_t* revision,
                          std::optional<RecentCommits>* recent) {
  absl::Status forgotten = ChangeIn(near_, Step(HomeChange::Step::kForget, session_id), Soon());
  if (!forgotten.ok()) return forgotten;
  SnapshotRequest request;
  request.session_id = session_id;
  const absl::Time deadline = Soon();
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
  *revision = (*snapshot)->revision();
  *recent = (*snapshot)->recent_commits();
  bool first = true;
  while (true) {
    auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
        [&](auto done) { (*snapshot)->Next(kPageBytes, Soon(), std::move(done)); });
    if (!page.ok()) return page.status();
    HomeChange fill = Step(HomeChange::Step::kFill, session_id);
    fill.commit.session_id = session_id;
    if (std::exchange(first, false)) fill.commit.creds = (*snapshot)->creds();
    fill.commit.sets = std::move(page->keys);
    if (absl::Status filled = ChangeIn(near_, std::move(fill), Soon()); !filled.ok()) return filled;
    if (page->last) return absl::OkStatus();
  }
}

void Claims::GiveBack(Backend& far, const std::string& session_id, const Taken& taken, bool arriving) {
  // What is a home in the near store is served from there after a restart.
  const bool forgotten = !arriving || ChangeIn(near_, Step(HomeChange::Step::kForget, session_id), Soon()).ok();
  const bool passed =
      forgotten &&
      AskLease(far, PassTo(session_id, taken.home.lease.fence, taken.lease, taken.applied_number), Soon()).ok();
  if (!passed) doubt_.store(true);
}

}  // namespace authstate::storage
