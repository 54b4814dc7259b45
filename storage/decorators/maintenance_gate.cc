#include "storage/decorators/maintenance_gate.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "storage/batches/batch_room.h"
#include "storage/decorators/kept_leases.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using Action = GrantRequest::Action;

// By how much a held call is answered before its deadline: later, nobody would hear why it was refused.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(250);

absl::Time HeldUntil(absl::Duration hold, absl::Time deadline) {
  const absl::Time now = absl::Now();
  return std::min(now + hold, deadline - std::min(kAnswerMargin, (deadline - now) / 4));
}

// Whether it comes of a pipe, where others of its session, renewals too, wait behind it (storage/backend.h).
bool IsOfPipe(const Commit& commit) { return !commit.wait_for_lock || commit.number != 0; }

std::size_t BytesOf(const std::vector<Commit>& commits) {
  std::size_t bytes = 0;
  for (const Commit& commit : commits) bytes += ByteSize(commit);
  return bytes;
}

absl::Status Closed() {
  return WithOutcome(
      Error(absl::StatusCode::kUnavailable, kMaintenance, "the server stops, and holds writes no longer"),
      Outcome::kNotApplied);
}

// The answer to a write that has waited to hear.
absl::Status Unheard(absl::Time deadline) {
  if (deadline <= absl::Now()) return DeadlinePassedInQueue();
  return WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable,
                           "the database does not say whether there is maintenance, and is not written to unasked"),
                     Outcome::kNotApplied);
}

}  // namespace

struct MaintenanceGate::ApplyCall {
  std::vector<Commit> commits;
  absl::Time deadline;
  ApplyDone done;
};

struct MaintenanceGate::LeaseCall {
  std::vector<LeaseRequest> requests;
  absl::Time deadline;
  LeasesDone done;
};

MaintenanceGate::MaintenanceGate(std::unique_ptr<Backend> inner, Options options)
    : ForwardingBackend(std::move(inner)),
      options_(std::move(options)),
      writes_(options_.writes != nullptr ? options_.writes : std::make_shared<WritesInside>()),
      known_(options_.trust, options_.uptime),
      held_(options_.held),
      holds_(options_.holds) {
  expire_ = std::make_unique<DeadlineTimer::Deadline>(*options_.timer, [this] { Expire(); });
  next_ask_ = std::make_unique<DeadlineTimer::Deadline>(*options_.timer, [this] { Ask(); });
  if (options_.interval < absl::InfiniteDuration()) next_ask_->Set(absl::Now());
}

MaintenanceGate::~MaintenanceGate() {
  const auto at_rest = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !asking_; };
  std::vector<GatedWritePtr> held;
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
    writes_->Shut();
    mutex_.Await(absl::Condition(&at_rest));
    held = held_.TakeAll();
  }
  next_ask_.reset();
  expire_.reset();
  for (const GatedWritePtr& write : held) write->refuse(Closed());
  EndInner();
}

template <typename Done>
auto MaintenanceGate::Leaving(Done done) {
  return [this, done = std::move(done)](auto result) mutable {
    writes_->Leave();
    std::move(done)(std::move(result));
  };
}

template <typename Done>
auto MaintenanceGate::LeavingAllowed(std::uint64_t entered, Done done) {
  return [this, entered, done = std::move(done)](auto result) mutable {
    writes_->LeaveAllowed(entered);
    std::move(done)(std::move(result));
  };
}

bool MaintenanceGate::Enter() {
  if (!writes_->Enter()) return false;
  if (known_.trusted()) return true;
  writes_->Leave();
  return false;
}

std::optional<std::uint64_t> MaintenanceGate::EnterAllowed(const MaintenancePtr& maintenance) {
  const absl::MutexLock lock(&mutex_);
  if (closed_ || known_.present() != maintenance || !known_.trusted()) return std::nullopt;
  return writes_->EnterAllowed();
}

void MaintenanceGate::Begin(const GatedWritePtr& write) {
  while (true) {
    if (Enter()) return write->let_in();
    MaintenancePtr maintenance;
    bool closed = false;
    bool trusted = true;
    bool waits = false;
    {
      const absl::MutexLock lock(&mutex_);
      closed = closed_;
      maintenance = known_.present();
      trusted = known_.trusted();
      const auto until = [&] { return HeldUntil(options_.hears_for, write->deadline); };
      if (!closed && !trusted) waits = Hold(until(), {write, HeldWrites::For::kToHear});
    }
    if (closed) return write->refuse(Closed());
    if (!trusted) return waits ? Ask() : write->refuse(Unheard(write->deadline));
    // It was opened meanwhile.
    if (maintenance == nullptr) continue;
    if (write->during != nullptr) return write->during(maintenance);
    return HoldOrRefuse(write, maintenance);
  }
}

void MaintenanceGate::HoldOrRefuse(const GatedWritePtr& write, const MaintenancePtr& maintenance) {
  bool changed = false;
  {
    const absl::MutexLock lock(&mutex_);
    changed = known_.present() != maintenance && !closed_;
    if (!write->held_until.has_value()) write->held_until = HeldUntil(maintenance->hold, write->deadline);
    const bool may_wait = write->waits && holds_ && !closed_ && *write->held_until > absl::Now();
    if (!changed && may_wait && Hold(*write->held_until, {write, HeldWrites::For::kItsEnd})) return;
  }
  if (changed) return Begin(write);
  write->refuse(Refusal(*maintenance));
}

bool MaintenanceGate::Hold(absl::Time until, HeldWrites::Held held) {
  if (!held_.Add(until, std::move(held))) return false;
  expire_->SetIfEarlier(until);
  return true;
}

absl::Status MaintenanceGate::Refusal(const Maintenance& maintenance) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  return UnderMaintenance(maintenance.reason);
}

void MaintenanceGate::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  if (Enter()) return inner().Apply(std::move(commits), deadline, Leaving(std::move(done)));
  auto call = std::make_shared<ApplyCall>(ApplyCall{std::move(commits), deadline, std::move(done)});
  auto write = std::make_shared<GatedWrite>();
  write->deadline = deadline;
  write->bytes = BytesOf(call->commits);
  write->waits = std::none_of(call->commits.begin(), call->commits.end(), IsOfPipe);
  write->let_in = [this, call] {
    inner().Apply(std::move(call->commits), call->deadline, Leaving(std::move(call->done)));
  };
  write->refuse = [call](const absl::Status& status) {
    std::move(call->done)(std::vector<absl::StatusOr<Applied>>(call->commits.size(), status));
  };
  // It is the write that keeps this.
  write->during = [this, call, write = write.get()](const MaintenancePtr& maintenance) {
    ApplyDuring(call, write->shared_from_this(), maintenance);
  };
  Begin(write);
}

template <typename Request, typename Result>
void MaintenanceGate::PassOn(std::uint64_t entered, Part<Request> part,
                             const std::shared_ptr<SplitCall<Request, Result>>& split,
                             void (Backend::*method)(std::vector<Request>, absl::Time,
                                                     typename SplitCall<Request, Result>::Done)) {
  (inner().*method)(
      std::move(part.requests), split->deadline,
      LeavingAllowed(entered, [split, places = std::move(part.places)](std::vector<absl::StatusOr<Result>> results) {
        for (std::size_t i = 0; i < results.size(); ++i) split->Answer(places[i], std::move(results[i]));
      }));
}

void MaintenanceGate::ApplyDuring(const std::shared_ptr<ApplyCall>& call, const GatedWritePtr& write,
                                  const MaintenancePtr& maintenance) {
  const auto allowed = [&maintenance](const Commit& commit) { return maintenance->Allows(commit.session_id); };
  if (std::none_of(call->commits.begin(), call->commits.end(), allowed)) return HoldOrRefuse(write, maintenance);
  const std::optional<std::uint64_t> entered = EnterAllowed(maintenance);
  if (!entered.has_value()) return Begin(write);
  auto split =
      std::make_shared<SplitCall<Commit, Applied>>(call->commits.size(), call->deadline, std::move(call->done));
  Part<Commit> part;
  for (std::size_t i = 0; i < call->commits.size(); ++i) {
    if (allowed(call->commits[i])) {
      part.Add(i, std::move(call->commits[i]));
    } else {
      split->Answer(i, Refusal(*maintenance));
    }
  }
  PassOn(*entered, std::move(part), split, &Backend::Apply);
}

void MaintenanceGate::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  const bool reads = std::all_of(requests.begin(), requests.end(), [](const LeaseRequest& request) {
    return request.action == LeaseRequest::Action::kGet;
  });
  if (options_.passes_leases || reads) return inner().Leases(std::move(requests), deadline, std::move(done));
  if (Enter()) return inner().Leases(std::move(requests), deadline, Leaving(std::move(done)));
  auto call = std::make_shared<LeaseCall>(LeaseCall{std::move(requests), deadline, std::move(done)});
  auto write = std::make_shared<GatedWrite>();
  write->deadline = deadline;
  write->waits = call->requests.size() == 1 && call->requests.front().wait_for_lock;
  write->let_in = [this, call] {
    inner().Leases(std::move(call->requests), call->deadline, Leaving(std::move(call->done)));
  };
  write->refuse = [call](const absl::Status& status) {
    std::move(call->done)(std::vector<absl::StatusOr<LeaseResult>>(call->requests.size(), status));
  };
  write->during = [this, call, write = write.get()](const MaintenancePtr& maintenance) {
    if (call->requests.size() == 1) return LeaseDuring(call, write->shared_from_this(), maintenance);
    LeasesDuring(call, write->shared_from_this(), maintenance);
  };
  Begin(write);
}

void MaintenanceGate::LeaseDuring(const std::shared_ptr<LeaseCall>& call, const GatedWritePtr& write,
                                  const MaintenancePtr& maintenance) {
  const LeaseRequest& request = call->requests.front();
  if (maintenance->Allows(request.session_id)) {
    const std::optional<std::uint64_t> entered = EnterAllowed(maintenance);
    if (!entered.has_value()) return Begin(write);
    return inner().Leases(std::move(call->requests), call->deadline, LeavingAllowed(*entered, std::move(call->done)));
  }
  if (!KeepsLease(request)) return HoldOrRefuse(write, maintenance);
  inner().Leases({GetOf(request)}, call->deadline,
                 [this, call, write, maintenance](std::vector<absl::StatusOr<LeaseResult>> found) {
                   auto told = Told(call->requests.front(), found.front(), maintenance->since);
                   if (!told.has_value()) return HoldOrRefuse(write, maintenance);
                   found.front() = *std::move(told);
                   std::move(call->done)(std::move(found));
                 });
}

void MaintenanceGate::LeasesDuring(const std::shared_ptr<LeaseCall>& call, const GatedWritePtr& write,
                                   const MaintenancePtr& maintenance) {
  const std::optional<std::uint64_t> entered = EnterAllowed(maintenance);
  if (!entered.has_value()) return Begin(write);
  auto split = std::make_shared<SplitCall<LeaseRequest, LeaseResult>>(call->requests.size(), call->deadline,
                                                                      std::move(call->done));
  Part<LeaseRequest> as_ever;
  Part<LeaseRequest> kept;
  std::vector<LeaseRequest> gets;
  for (std::size_t i = 0; i < call->requests.size(); ++i) {
    LeaseRequest& request = call->requests[i];
    if (request.action == LeaseRequest::Action::kGet || maintenance->Allows(request.session_id)) {
      as_ever.Add(i, std::move(request));
    } else if (KeepsLease(request)) {
      gets.push_back(GetOf(request));
      kept.Add(i, std::move(request));
    } else {
      split->Answer(i, Refusal(*maintenance));
    }
  }
  if (as_ever.places.empty()) {
    writes_->LeaveAllowed(*entered);
  } else {
    PassOn(*entered, std::move(as_ever), split, &Backend::Leases);
  }
  if (gets.empty()) return;
  inner().Leases(std::move(gets), split->deadline,
                 [this, split, maintenance, kept = std::move(kept)](std::vector<absl::StatusOr<LeaseResult>> found) {
                   for (std::size_t i = 0; i < found.size(); ++i) {
                     auto told = Told(kept.requests[i], found[i], maintenance->since);
                     split->Answer(kept.places[i], told.has_value() ? *std::move(told) : Refusal(*maintenance));
                   }
                 });
}

template <typename Request, typename Done>
void MaintenanceGate::BeginWhole(Request request, absl::Time deadline, bool waits, Done done,
                                 void (Backend::*method)(Request, absl::Time, Done)) {
  struct Whole {
    Request request;
    Done done;
  };
  auto call = std::make_shared<Whole>(Whole{std::move(request), std::move(done)});
  auto write = std::make_shared<GatedWrite>();
  write->deadline = deadline;
  write->waits = waits;
  write->let_in = [this, call, deadline, method] {
    (inner().*method)(std::move(call->request), deadline, Leaving(std::move(call->done)));
  };
  write->refuse = [call](const absl::Status& status) { std::move(call->done)(status); };
  Begin(write);
}

void MaintenanceGate::PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) {
  if (request.dry_run) return inner().PurgeExpired(std::move(request), deadline, std::move(done));
  BeginWhole(std::move(request), deadline, /*waits=*/true, std::move(done), &Backend::PurgeExpired);
}

void MaintenanceGate::Grants(GrantRequest request, absl::Time deadline, GrantsDone done) {
  switch (request.action) {
    case Action::kCreate:
    case Action::kRotate:
    case Action::kNoteUses: {
      const bool waits = request.action != Action::kNoteUses;
      return BeginWhole(std::move(request), deadline, waits, std::move(done), &Backend::Grants);
    }
    case Action::kBeginMaintenance:
    case Action::kEndMaintenance:
      return Change(std::move(request), deadline, std::move(done));
    case Action::kGetMaintenance:
      return Get(deadline, [done = std::move(done)](absl::StatusOr<GrantResult> answer, bool /*taken*/) mutable {
        std::move(done)(std::move(answer));
      });
    case Action::kList:
    case Action::kRevoke:
      break;
  }
  inner().Grants(std::move(request), deadline, std::move(done));
}

void MaintenanceGate::Expire() {
  std::vector<HeldWrites::Held> expired;
  MaintenancePtr maintenance;
  {
    const absl::MutexLock lock(&mutex_);
    expired = held_.TakeExpired(absl::Now());
    if (held_.size() > 0 && !closed_) expire_->SetIfEarlier(held_.first_end());
    maintenance = known_.present();
  }
  for (const HeldWrites::Held& held : expired) {
    // It was held for a maintenance, and whatever ends that lets go what is held.
    const bool to_hear = held.what == HeldWrites::For::kToHear;
    held.write->refuse(to_hear ? Unheard(held.write->deadline) : Refusal(*maintenance));
  }
}

MaintenanceState MaintenanceGate::State() const {
  MaintenanceState state;
  state.writes_under_way = writes_->under_way();
  if (options_.under_way_behind != nullptr) state.writes_under_way += options_.under_way_behind();
  state.refused = refused_.load(std::memory_order_relaxed);
  const absl::MutexLock lock(&mutex_);
  state.held = held_.size();
  if (known_.present() == nullptr) return state;
  state.maintenance = *known_.present();
  state.settle_time = known_.SettleTime();
  return state;
}

void MaintenanceGate::StopHolding() {
  std::vector<GatedWritePtr> held;
  MaintenancePtr maintenance;
  {
    const absl::MutexLock lock(&mutex_);
    holds_ = false;
    maintenance = known_.present();
    held = held_.Take(HeldWrites::For::kItsEnd);
  }
  for (const GatedWritePtr& write : held) write->refuse(Refusal(*maintenance));
}

}  // namespace authstate::storage
