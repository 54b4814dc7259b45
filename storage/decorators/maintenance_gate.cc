#include "storage/decorators/maintenance_gate.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/decorators/split_call.h"

namespace authstate::storage {
namespace {

using Action = GrantRequest::Action;

// How long an answer of the store may take that was begun before a change of ours, at most; beside `trust` it is what a
// change takes to be in force everywhere.
constexpr absl::Duration kCommitPatience = absl::Seconds(1);
// By how much a held call is answered before its deadline: later, nobody would hear why it was refused.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(250);

// Tells stores apart that this process could serve from; empty: it is not known which it is.
std::string StoreOf(const Backend& backend) {
  const Description description = backend.Describe();
  return description.location.empty() ? "" : absl::StrCat(description.name, " ", description.location);
}

absl::Time HeldUntil(absl::Duration hold, absl::Time deadline) {
  const absl::Time now = absl::Now();
  return std::min(now + hold, deadline - std::min(kAnswerMargin, (deadline - now) / 4));
}

bool Same(const Maintenance& a, const Maintenance& b) {
  return a.since == b.since && a.reason == b.reason && a.hold == b.hold &&
         std::equal(a.allowed.begin(), a.allowed.end(), b.allowed.begin(), b.allowed.end(),
                    [](const SessionScope& one, const SessionScope& other) {
                      return one.id == other.id && one.prefix == other.prefix;
                    });
}
bool Same(const std::shared_ptr<const Maintenance>& a, const std::shared_ptr<const Maintenance>& b) {
  return a == nullptr || b == nullptr ? a == b : Same(*a, *b);
}

// Of a pipe, where others of the same session, renewals too, wait behind it (storage/backend.h).
bool IsOfPipe(const Commit& commit) { return !commit.wait_for_lock || commit.number != 0; }

bool KeepsLease(const LeaseRequest& request) {
  return request.action == LeaseRequest::Action::kRenew || request.action == LeaseRequest::Action::kAcquire;
}

LeaseRequest GetOf(const LeaseRequest& request) {
  LeaseRequest get;
  get.session_id = request.session_id;
  return get;
}

// The answer to a request that keeps a lease, from what a read has found; nullopt: it would take a write.
std::optional<absl::StatusOr<LeaseResult>> Told(const LeaseRequest& request, const absl::StatusOr<LeaseResult>& found,
                                                absl::Time since) {
  if (!found.ok()) return WithOutcome(found.status(), Outcome::kNotApplied);
  const Lease& lease = found->lease;
  if (request.action == LeaseRequest::Action::kRenew && (!lease.held() || lease.fence != request.fence)) {
    return StaleFence(lease);
  }
  if (request.action == LeaseRequest::Action::kAcquire && lease.owner != request.owner) return std::nullopt;
  const std::optional<absl::Duration> left = LeftAfterMaintenance(lease, since);
  if (!left.has_value()) return std::nullopt;
  LeaseResult told = *found;
  told.lease.remaining = std::min(request.ttl, *left);
  told.lease.expire_time += told.lease.remaining - lease.remaining;
  return told;
}

absl::Status Closed() {
  return WithOutcome(
      Error(absl::StatusCode::kUnavailable, kMaintenance, "the server stops, and holds writes no longer"),
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

absl::Duration MaintenanceGate::SteadyUptime() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

MaintenanceGate::MaintenanceGate(std::unique_ptr<Backend> inner, Options options)
    : ForwardingBackend(std::move(inner)), options_(std::move(options)), holds_(options_.holds) {
  expire_ = std::make_unique<DeadlineTimer::Deadline>(*options_.timer, [this] { Expire(); });
  next_ask_ = std::make_unique<DeadlineTimer::Deadline>(*options_.timer, [this] { Ask(); });
  if (options_.interval < absl::InfiniteDuration()) next_ask_->Set(absl::Now());
}

MaintenanceGate::~MaintenanceGate() {
  const auto at_rest = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !asking_; };
  HeldWrites held;
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
    writes_.Shut();
    mutex_.Await(absl::Condition(&at_rest));
    held.swap(held_);
  }
  next_ask_.reset();
  expire_.reset();
  for (auto& each : held) each.second.write->refuse(Closed());
  EndInner();
}

template <typename Done>
auto MaintenanceGate::Leaving(Done done) {
  return [this, done = std::move(done)](auto result) mutable {
    writes_.Leave();
    std::move(done)(std::move(result));
  };
}

bool MaintenanceGate::Enter() {
  if (!writes_.Enter()) return false;
  if (Trusted()) return true;
  writes_.Leave();
  return false;
}

void MaintenanceGate::Begin(const WritePtr& write) {
  while (true) {
    if (Enter()) return write->let_in();
    MaintenancePtr maintenance;
    bool closed = false;
    {
      const absl::MutexLock lock(&mutex_);
      closed = closed_;
      maintenance = maintenance_;
      if (!closed && maintenance == nullptr) {
        // It was opened meanwhile.
        if (Trusted()) continue;
        Hold(write->deadline, {write, /*to_hear=*/true});
      }
    }
    if (closed) return write->refuse(Closed());
    if (maintenance == nullptr) return Ask();
    if (write->during != nullptr) return write->during(maintenance);
    return HoldOrRefuse(write, maintenance);
  }
}

void MaintenanceGate::HoldOrRefuse(const WritePtr& write, const MaintenancePtr& maintenance) {
  bool changed = false;
  {
    const absl::MutexLock lock(&mutex_);
    changed = maintenance_ != maintenance && !closed_;
    if (!write->held_until.has_value()) write->held_until = HeldUntil(maintenance->hold, write->deadline);
    const bool may_wait = write->waits && holds_ && !closed_ && *write->held_until > absl::Now();
    if (!changed && may_wait) return Hold(*write->held_until, {write, /*to_hear=*/false});
  }
  if (changed) return Begin(write);
  write->refuse(Refusal(*maintenance));
}

void MaintenanceGate::Hold(absl::Time until, Held held) {
  held_.emplace(until, std::move(held));
  expire_->SetIfEarlier(until);
}

absl::Status MaintenanceGate::Refusal(const Maintenance& maintenance) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  return UnderMaintenance(maintenance.reason);
}

void MaintenanceGate::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  if (Enter()) return inner().Apply(std::move(commits), deadline, Leaving(std::move(done)));
  auto call = std::make_shared<ApplyCall>(ApplyCall{std::move(commits), deadline, std::move(done)});
  auto write = std::make_shared<Write>();
  write->deadline = deadline;
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

void MaintenanceGate::ApplyDuring(const std::shared_ptr<ApplyCall>& call, const WritePtr& write,
                                  const MaintenancePtr& maintenance) {
  const auto allowed = [&maintenance](const Commit& commit) { return maintenance->Allows(commit.session_id); };
  if (std::none_of(call->commits.begin(), call->commits.end(), allowed)) return HoldOrRefuse(write, maintenance);
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
  writes_.EnterShut();
  inner().Apply(std::move(part.requests), call->deadline,
                Leaving([split, places = std::move(part.places)](std::vector<absl::StatusOr<Applied>> results) {
                  for (std::size_t i = 0; i < results.size(); ++i) split->Answer(places[i], std::move(results[i]));
                }));
}

void MaintenanceGate::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  const bool reads = std::all_of(requests.begin(), requests.end(), [](const LeaseRequest& request) {
    return request.action == LeaseRequest::Action::kGet;
  });
  if (options_.passes_leases || reads) return inner().Leases(std::move(requests), deadline, std::move(done));
  if (Enter()) return inner().Leases(std::move(requests), deadline, Leaving(std::move(done)));
  auto call = std::make_shared<LeaseCall>(LeaseCall{std::move(requests), deadline, std::move(done)});
  auto write = std::make_shared<Write>();
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
    LeasesDuring(call, maintenance);
  };
  Begin(write);
}

void MaintenanceGate::LeaseDuring(const std::shared_ptr<LeaseCall>& call, const WritePtr& write,
                                  const MaintenancePtr& maintenance) {
  const LeaseRequest& request = call->requests.front();
  if (maintenance->Allows(request.session_id)) {
    writes_.EnterShut();
    return write->let_in();
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

void MaintenanceGate::LeasesDuring(const std::shared_ptr<LeaseCall>& call, const MaintenancePtr& maintenance) {
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
  if (!as_ever.places.empty()) {
    writes_.EnterShut();
    inner().Leases(
        std::move(as_ever.requests), call->deadline,
        Leaving([split, places = std::move(as_ever.places)](std::vector<absl::StatusOr<LeaseResult>> results) {
          for (std::size_t i = 0; i < results.size(); ++i) split->Answer(places[i], std::move(results[i]));
        }));
  }
  if (gets.empty()) return;
  inner().Leases(std::move(gets), call->deadline,
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
  auto write = std::make_shared<Write>();
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

void MaintenanceGate::Get(absl::Time deadline, GetDone done) {
  std::uint64_t changes = 0;
  {
    const absl::MutexLock lock(&mutex_);
    changes = changes_;
  }
  GrantRequest get;
  get.action = Action::kGetMaintenance;
  inner().Grants(std::move(get), deadline,
                 [this, store = StoreOf(inner()), changes, asked_at = options_.uptime(),
                  done = std::move(done)](absl::StatusOr<GrantResult> answer) mutable {
                   const bool taken = !answer.ok() || Take(store, changes, asked_at, *answer);
                   std::move(done)(std::move(answer), taken);
                 });
}

bool MaintenanceGate::Take(const std::string& store, std::uint64_t changes, absl::Duration asked_at,
                           const GrantResult& answer) {
  // What was answered may be of either store, or of before a change.
  if (store != StoreOf(inner())) return false;
  GrantRequest along;
  {
    const absl::MutexLock lock(&mutex_);
    if (changes != changes_) return false;
    const bool became_another = !store_.empty() && !store.empty() && store != store_;
    if (became_another && maintenance_ != nullptr && !answer.maintenance.has_value()) {
      along.action = Action::kBeginMaintenance;
      along.maintenance = *maintenance_;
    }
  }
  if (along.action == Action::kBeginMaintenance) {
    Change(std::move(along), absl::Now() + options_.trust, [](const auto& /*answer*/) {});
  } else {
    Learn(store, asked_at, answer);
  }
  return true;
}

void MaintenanceGate::Ask() {
  {
    const absl::MutexLock lock(&mutex_);
    if (asking_ || closed_) return;
    asking_ = true;
  }
  Get(absl::Now() + options_.trust,
      [this](const absl::StatusOr<GrantResult>& answer, bool taken) { OnAnswer(answer.status(), taken); });
}

void MaintenanceGate::OnAnswer(const absl::Status& status, bool taken) {
  std::vector<WritePtr> unheard;
  if (!status.ok()) {
    const absl::MutexLock lock(&mutex_);
    for (auto held = held_.begin(); held != held_.end();) {
      if (held->second.to_hear) unheard.push_back(held->second.write);
      held = held->second.to_hear ? held_.erase(held) : std::next(held);
    }
  }
  for (const WritePtr& write : unheard) write->refuse(WithOutcome(status, Outcome::kNotApplied));
  const absl::MutexLock lock(&mutex_);
  // From the end of this on the gate may be gone.
  asking_ = false;
  if (closed_) return;
  const bool awaited = std::any_of(held_.begin(), held_.end(), [](const auto& held) { return held.second.to_hear; });
  if (!taken || awaited) {
    next_ask_->Set(absl::Now());
  } else if (options_.interval < absl::InfiniteDuration()) {
    next_ask_->Set(absl::Now() + options_.interval);
  }
}

void MaintenanceGate::Change(GrantRequest request, absl::Time deadline, GrantsDone done) {
  {
    const absl::MutexLock lock(&mutex_);
    ++changes_;
    if (request.action == Action::kEndMaintenance && maintenance_ != nullptr) request.maintenance = *maintenance_;
  }
  inner().Grants(std::move(request), deadline,
                 [this, store = StoreOf(inner()), asked_at = options_.uptime(),
                  done = std::move(done)](absl::StatusOr<GrantResult> answer) mutable {
                   {
                     const absl::MutexLock lock(&mutex_);
                     ++changes_;
                   }
                   if (answer.ok()) Learn(store, asked_at, *answer);
                   std::move(done)(std::move(answer));
                 });
}

void MaintenanceGate::Learn(const std::string& store, absl::Duration asked_at, const GrantResult& answer) {
  const MaintenancePtr present =
      answer.maintenance.has_value() ? std::make_shared<const Maintenance>(*answer.maintenance) : nullptr;
  bool changed = false;
  std::vector<WritePtr> go_on;
  {
    const absl::MutexLock lock(&mutex_);
    if (closed_) return;
    changed = !Same(maintenance_, present);
    if (changed) maintenance_ = present;
    store_ = store;
    database_ahead_ = answer.now - absl::Now();
    if (present != nullptr) {
      writes_.Shut();
    } else {
      trusted_until_ns_.store(absl::ToInt64Nanoseconds(asked_at + options_.trust));
      writes_.Open();
    }
    for (auto held = held_.begin(); held != held_.end();) {
      const bool goes_on = changed || held->second.to_hear;
      if (goes_on) go_on.push_back(held->second.write);
      held = goes_on ? held_.erase(held) : std::next(held);
    }
  }
  if (changed && options_.on_change != nullptr) options_.on_change(answer.maintenance);
  for (const WritePtr& write : go_on) Begin(write);
}

void MaintenanceGate::Expire() {
  std::vector<Held> expired;
  MaintenancePtr maintenance;
  {
    const absl::MutexLock lock(&mutex_);
    const auto end = held_.upper_bound(absl::Now());
    for (auto held = held_.begin(); held != end; held = held_.erase(held)) expired.push_back(held->second);
    if (!held_.empty() && !closed_) expire_->SetIfEarlier(held_.begin()->first);
    maintenance = maintenance_;
  }
  for (const Held& held : expired) {
    if (held.to_hear) {
      held.write->refuse(DeadlinePassedInQueue());
    } else {
      // It was held for one, and whatever ends it lets go what is held.
      held.write->refuse(Refusal(*maintenance));
    }
  }
}

MaintenanceState MaintenanceGate::State() const {
  MaintenanceState state;
  state.writes_under_way = writes_.inside();
  state.refused = refused_.load(std::memory_order_relaxed);
  const absl::MutexLock lock(&mutex_);
  state.held = held_.size();
  if (maintenance_ == nullptr) return state;
  state.maintenance = *maintenance_;
  const absl::Time settled = maintenance_->since + options_.trust + kCommitPatience;
  state.settle_time = std::max(absl::ZeroDuration(), settled - (absl::Now() + database_ahead_));
  return state;
}

void MaintenanceGate::StopHolding() {
  std::vector<WritePtr> held;
  MaintenancePtr maintenance;
  {
    const absl::MutexLock lock(&mutex_);
    holds_ = false;
    maintenance = maintenance_;
    for (auto each = held_.begin(); each != held_.end();) {
      if (!each->second.to_hear) held.push_back(each->second.write);
      each = each->second.to_hear ? std::next(each) : held_.erase(each);
    }
  }
  for (const WritePtr& write : held) write->refuse(Refusal(*maintenance));
}

}  // namespace authstate::storage
