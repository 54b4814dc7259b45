#include "tests/unit/write_behind/tier.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "storage/decorators/maintenance_gate.h"
#include "storage/error.h"
#include "storage/moving/session_digest.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

absl::Status Away(Outcome outcome) {
  return WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "away"), outcome);
}

template <typename Result, typename Done>
auto LosingTheAnswer(Done done) {
  return [done = std::move(done)](std::vector<absl::StatusOr<Result>> results) mutable {
    std::move(done)(std::vector<absl::StatusOr<Result>>(results.size(), Away(Outcome::kUnknown)));
  };
}

}  // namespace

void FarBehaviour::DeliverLate(Backend& far) {
  std::vector<std::vector<LeaseRequest>> delivered;
  {
    const absl::MutexLock lock(&mutex);
    delivered.swap(late);
  }
  EXPECT_FALSE(delivered.empty());
  for (std::vector<LeaseRequest>& requests : delivered) AskLeases(far, std::move(requests), absl::InfiniteFuture());
}

void FarBehaviour::LetGo() {
  std::vector<absl::AnyInvocable<void() &&>> all;
  {
    const absl::MutexLock lock(&mutex);
    mode = kWorks;
    all.swap(hanging);
  }
  for (auto& each : all) std::move(each)();
}

bool FarBehaviour::Hangs() {
  const absl::MutexLock lock(&mutex);
  return !hanging.empty();
}

void FarBehaviour::SetSlow(const std::string& session_id) {
  const absl::MutexLock lock(&mutex);
  slow = session_id;
}

void FarBehaviour::SetRefused(const std::string& session_id) {
  const absl::MutexLock lock(&mutex);
  refused = session_id;
}

std::optional<std::vector<absl::StatusOr<Applied>>> FarBehaviour::Fault(const std::vector<Commit>& commits) {
  const absl::MutexLock lock(&mutex);
  const auto has = [&commits](const std::string& session_id) {
    return std::any_of(commits.begin(), commits.end(),
                       [&session_id](const Commit& commit) { return commit.session_id == session_id; });
  };
  absl::Status status;
  if (has(slow)) status = WithOutcome(absl::DeadlineExceededError("slow"), Outcome::kUnknown);
  if (has(refused)) status = WithOutcome(absl::InvalidArgumentError("refused"), Outcome::kNotApplied);
  if (status.ok()) return std::nullopt;
  return std::vector<absl::StatusOr<Applied>>(commits.size(), status);
}

template <typename Result, typename Done>
bool FarStore::Hangs(std::size_t count, Done* done) {
  const absl::MutexLock lock(&behaviour_.mutex);
  if (behaviour_.mode.load() != FarBehaviour::kHangs) return false;
  behaviour_.hanging.push_back([count, done = std::move(*done)]() mutable {
    std::move(done)(std::vector<absl::StatusOr<Result>>(count, Away(Outcome::kUnknown)));
  });
  return true;
}

Backend& FarStore::store() const {
  Backend* const promoted = behaviour_.promoted.load();
  return promoted != nullptr ? *promoted : inner();
}

Description FarStore::Describe() const {
  Description description = inner().Describe();
  description.layout = behaviour_.layout;
  return description;
}

void FarStore::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  ++behaviour_.commits;
  if (Hangs<Applied>(commits.size(), &done)) return;
  if (auto fault = behaviour_.Fault(commits); fault.has_value()) return std::move(done)(*std::move(fault));
  std::vector<absl::StatusOr<Applied>> results;
  switch (behaviour_.mode.load()) {
    case FarBehaviour::kAway:
    case FarBehaviour::kLosesQuestions: {
      const bool away = behaviour_.mode.load() == FarBehaviour::kAway;
      results.assign(commits.size(), Away(away ? Outcome::kNotApplied : Outcome::kUnknown));
      return std::move(done)(std::move(results));
    }
    case FarBehaviour::kForgets:
      for (const Commit& commit : commits) {
        results.emplace_back(Applied{commit.carried.has_value() ? commit.carried->revision : 1});
      }
      return std::move(done)(std::move(results));
    case FarBehaviour::kLocks:
      results.assign(commits.size(), SessionLocked());
      return std::move(done)(std::move(results));
    case FarBehaviour::kLosesAnswers:
      return store().Apply(std::move(commits), deadline, LosingTheAnswer<Applied>(std::move(done)));
    default:
      return store().Apply(std::move(commits), deadline, std::move(done));
  }
}

void FarStore::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  ++behaviour_.leases;
  if (Hangs<LeaseResult>(requests.size(), &done)) return;
  switch (behaviour_.mode.load()) {
    case FarBehaviour::kAway:
    case FarBehaviour::kLosesQuestions: {
      const bool away = behaviour_.mode.load() == FarBehaviour::kAway;
      return std::move(done)(std::vector<absl::StatusOr<LeaseResult>>(
          requests.size(), Away(away ? Outcome::kNotApplied : Outcome::kUnknown)));
    }
    case FarBehaviour::kLosesAnswers:
      if (requests.front().action == LeaseRequest::Action::kGet) break;
      return store().Leases(std::move(requests), deadline, LosingTheAnswer<LeaseResult>(std::move(done)));
    case FarBehaviour::kGoesAwayAfterALease:
      if (requests.front().action == LeaseRequest::Action::kGet) break;
      behaviour_.mode = FarBehaviour::kAway;
      return store().Leases(std::move(requests), deadline, LosingTheAnswer<LeaseResult>(std::move(done)));
    case FarBehaviour::kDelaysLeases: {
      if (requests.front().action == LeaseRequest::Action::kGet) break;
      const std::size_t size = requests.size();
      {
        const absl::MutexLock lock(&behaviour_.mutex);
        behaviour_.late.push_back(std::move(requests));
      }
      return std::move(done)(std::vector<absl::StatusOr<LeaseResult>>(size, Away(Outcome::kUnknown)));
    }
    default:
      break;
  }
  store().Leases(std::move(requests), deadline, std::move(done));
}

void FarStore::OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) {
  ++behaviour_.snapshots;
  if (behaviour_.mode.load() == FarBehaviour::kAway) return std::move(done)(Away(Outcome::kNotApplied));
  behaviour_.before_snapshot();
  store().OpenSnapshot(std::move(request), deadline, std::move(done));
}

void FarStore::List(ListRequest request, absl::Time deadline, ListDone done) {
  if (behaviour_.mode.load() == FarBehaviour::kAway) return std::move(done)(Away(Outcome::kNotApplied));
  store().List(std::move(request), deadline, std::move(done));
}

void FarStore::Grants(GrantRequest request, absl::Time deadline, GrantsDone done) {
  if (behaviour_.mode.load() == FarBehaviour::kAway) return std::move(done)(Away(Outcome::kNotApplied));
  // Whoever waits until its deadline is told so at once.
  if (behaviour_.mode.load() == FarBehaviour::kHangs) return std::move(done)(absl::DeadlineExceededError("it hangs"));
  store().Grants(std::move(request), deadline, std::move(done));
}

void FarStore::Ping(absl::Time deadline, PingDone done) {
  ++behaviour_.pings;
  if (behaviour_.mode.load() == FarBehaviour::kAway) return std::move(done)(Away(Outcome::kNotApplied));
  store().Ping(deadline, std::move(done));
}

absl::Status Server::Open() {
  SqliteOptions sqlite;
  sqlite.path = path();
  auto near = OpenSqliteNearStore(std::move(sqlite));
  if (!near.ok()) return near.status();
  options_.timer = timer_;
  options_.log = [this](const std::string& line) {
    const absl::MutexLock lock(&mutex_);
    lines_.push_back(line);
  };
  options_.advertise = advertise_;
  options_.open_far = [this]() -> absl::StatusOr<std::unique_ptr<Backend>> {
    if (behaviour_.mode.load() == FarBehaviour::kAway) return Away(Outcome::kNotApplied);
    auto far = std::make_unique<FarStore>(&far_, &behaviour_);
    if (!behaviour_.gated) return far;
    MaintenanceGate::Options gate;
    gate.timer = timer_;
    gate.holds = false;
    gate.interval = absl::InfiniteDuration();
    gate.trust = absl::Milliseconds(50);
    return std::make_unique<MaintenanceGate>(std::move(far), std::move(gate));
  };
  auto backend = OpenWriteBehind(*std::move(near), options_);
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  return absl::OkStatus();
}

std::vector<std::string> Server::Lines() const {
  const absl::MutexLock lock(&mutex_);
  return lines_;
}

bool Server::HasLogged(const std::string& text) const {
  const std::vector<std::string> lines = Lines();
  return std::any_of(lines.begin(), lines.end(),
                     [&text](const std::string& line) { return absl::StrContains(line, text); });
}

void Server::CloseWithoutFar() {
  behaviour_.mode = FarBehaviour::kAway;
  Close();
}

absl::StatusOr<LeaseResult> Server::Lease(LeaseRequest request, absl::Duration patience) {
  return AskLease(*backend_, std::move(request), absl::Now() + patience);
}

absl::StatusOr<std::uint64_t> Server::Apply(Commit commit, absl::Duration patience) {
  std::vector<Commit> commits;
  commits.push_back(std::move(commit));
  const auto results = ApplyTo(*backend_, std::move(commits), absl::Now() + patience);
  if (!results.front().ok()) return results.front().status();
  return results.front()->revision;
}

std::uint64_t Server::Acquire(const std::string& session_id, const std::string& owner, bool steal) {
  LeaseRequest request = AskFor(session_id);
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = owner;
  request.ttl = absl::Hours(1);
  request.steal = steal;
  const auto acquired = Lease(request);
  EXPECT_TRUE(acquired.ok()) << acquired.status();
  return acquired.ok() ? acquired->lease.fence : 0;
}

absl::StatusOr<LeaseResult> Server::Release(const std::string& session_id, std::uint64_t fence) {
  LeaseRequest request = AskFor(session_id);
  request.action = LeaseRequest::Action::kRelease;
  request.fence = fence;
  return Lease(request);
}

std::optional<Value> Server::Key(const std::string& session_id, const std::string& id) {
  ReadRequest request;
  request.session_id = session_id;
  request.keys = {{"t", id}};
  const auto read = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
      [&](auto done) { backend_->Read({request}, absl::Now() + absl::Minutes(1), std::move(done)); });
  EXPECT_TRUE(read.front().ok()) << read.front().status();
  return read.front().ok() ? read.front()->values.front() : std::nullopt;
}

Commit SetKey(const std::string& session_id, std::uint64_t fence, const std::string& id, std::string value) {
  Commit commit;
  commit.session_id = session_id;
  commit.fence = fence;
  commit.sets.push_back({{"t", id}, {ValueKind::kRaw, std::move(value)}});
  return commit;
}

bool Same(Backend& a, Backend& b, const std::string& session_id) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  auto of_a = DigestSession(a, session_id, deadline);
  auto of_b = DigestSession(b, session_id, deadline);
  EXPECT_TRUE(of_a.ok()) << of_a.status();
  EXPECT_TRUE(of_b.ok()) << of_b.status();
  if (!of_a.ok() || !of_b.ok()) return true;
  // The fence of a session at home is another one.
  of_a->fence = of_b->fence;
  return of_a->SameContent(*of_b) && of_a->revision == of_b->revision;
}

void AwaitSame(Backend& a, Backend& b, const std::string& session_id) {
  const absl::Time given_up = absl::Now() + absl::Minutes(1);
  while (!Same(a, b, session_id)) {
    if (absl::Now() < given_up) continue;
    ADD_FAILURE() << "the stores still differ in " << session_id;
    return;
  }
}

storage::Lease LeaseIn(Backend& store, const std::string& session_id) {
  const auto found = AskLease(store, AskFor(session_id), absl::Now() + absl::Minutes(1));
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? found->lease : storage::Lease();
}

}  // namespace authstate::storage
