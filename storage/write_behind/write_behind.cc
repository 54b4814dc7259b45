#include "storage/write_behind/write_behind.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/names.h"
#include "storage/batches/batch_room.h"
#include "storage/decorators/split_call.h"
#include "storage/error.h"
#include "storage/write_behind/claims.h"
#include "storage/write_behind/far_link.h"
#include "storage/write_behind/flusher.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/kept_maintenance.h"
#include "storage/write_behind/listing.h"
#include "storage/write_behind/pairing.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

// How often it is looked for those whose deadline has passed, while anybody is held.
constexpr absl::Duration kLookAtHeld = absl::Milliseconds(50);
// How long who gives a session up waits for it to have left: it has been given up all the same.
constexpr absl::Duration kLeavePatience = absl::Seconds(1);
// By when the database has said whether there is maintenance; else the file says it, as in an outage. Less than half of
// what a gate before this trusts an answer for.
constexpr absl::Duration kSaysOfMaintenance = absl::Milliseconds(500);

absl::Status FarIsAway() {
  return WithOutcome(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable,
                           "the database is away, and the session is not at home in this server's file"),
                     Outcome::kNotApplied);
}

// What came of a request in the far store whose session was, or may have been, taken from its owner before: that it was
// not applied is then not the whole truth. Why it was refused is.
template <typename Result>
absl::StatusOr<Result> OfMoved(absl::StatusOr<Result> result) {
  const bool refused = ReasonOf(result.status()) == kStaleFence || ReasonOf(result.status()) == kLeaseHeld;
  if (result.ok() || refused) return result;
  return WithOutcome(result.status(), Outcome::kUnknown);
}

HomeTable::Use UseOf(const Commit& /*commit*/) { return HomeTable::Use::kCommit; }
template <typename Request>
HomeTable::Use UseOf(const Request& /*request*/) {
  return HomeTable::Use::kOther;
}

class WriteBehindBackend final : public WriteBehindTier {
 public:
  WriteBehindBackend(std::unique_ptr<NearStore> near, std::unique_ptr<FarLink> far, const std::vector<Home>& homes,
                     std::uint64_t orphans, std::string owner, const WriteBehindOptions& options)
      : advertise_(options.advertise),
        timer_(options.timer),
        check_holds_(options.check_holds),
        steps_(options.step_timeout),
        table_(options.max_bytes, options.max_age, [this] { look_at_held_.SetIfEarlier(absl::Now() + kLookAtHeld); }),
        look_at_held_(*timer_, [this] { LookAtHeld(); }),
        near_(std::move(near)),
        far_(std::move(far)),
        claims_(near_.get(), far_.get(), Filled(homes, options), std::move(owner), &steps_, options),
        flusher_(near_.get(), far_.get(), &table_, &claims_, &steps_, orphans, options) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    Begin<Commit, Applied>(std::move(commits), deadline, std::move(done));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    Begin<ReadRequest, ReadResult>(std::move(requests), deadline, std::move(done));
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    Begin<LeaseRequest, LeaseResult>(std::move(requests), deadline, std::move(done));
  }

  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    // It goes one of three ways.
    auto shared = std::make_shared<std::pair<SnapshotRequest, SnapshotDone>>(std::move(request), std::move(done));
    HomeTable::Resume resume = [this, shared, deadline](const absl::Status& status) {
      if (!status.ok()) return std::move(shared->second)(status);
      OpenSnapshot(std::move(shared->first), deadline, std::move(shared->second));
    };
    switch (table_.Enter(shared->first.session_id, HomeTable::Use::kOther, deadline, &resume)) {
      case HomeTable::Place::kNear:
        return near_->OpenSnapshot(shared->first, deadline,
                                   [this, shared](absl::StatusOr<std::unique_ptr<Snapshot>> snapshot) {
                                     table_.EndUse(shared->first.session_id);
                                     std::move(shared->second)(std::move(snapshot));
                                   });
      case HomeTable::Place::kFar:
        if (far_->get() == nullptr) return std::move(shared->second)(FarIsAway());
        return far_->get()->OpenSnapshot(std::move(shared->first), deadline, std::move(shared->second));
      case HomeTable::Place::kHeld:
        return;
    }
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    if (far_->get() == nullptr) return std::move(done)(FarIsAway());
    // Which sessions are at home where is known to the far store alone.
    if (absl::StartsWith(request.owner_prefix, kHomeOwnerPrefix)) {
      return far_->get()->List(std::move(request), deadline, std::move(done));
    }
    ListBoth(*near_, *far_->get(), table_.Sessions(), std::move(request), deadline, std::move(done));
  }

  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    if (far_->get() == nullptr) return std::move(done)(FarIsAway());
    far_->get()->PurgeExpired(std::move(request), deadline, std::move(done));
  }

  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    Backend* const far = far_->get();
    const bool of_maintenance = request.action == GrantRequest::Action::kGetMaintenance;
    if (request.action != GrantRequest::Action::kList && !of_maintenance) {
      if (far == nullptr) return std::move(done)(FarIsAway());
      return far->Grants(std::move(request), deadline, std::move(done));
    }
    if (far == nullptr) return near_->Grants(std::move(request), deadline, std::move(done));
    GrantRequest asked = request;
    // What is at home goes on while the database hangs; what would be written there has a gate of its own.
    const absl::Time far_deadline = of_maintenance ? std::min(deadline, absl::Now() + kSaysOfMaintenance) : deadline;
    far->Grants(std::move(asked), far_deadline,
                [this, deadline, of_maintenance, request = std::move(request),
                 done = std::move(done)](absl::StatusOr<GrantResult> listed) mutable {
                  const bool hangs = of_maintenance && absl::IsDeadlineExceeded(listed.status());
                  if (absl::IsUnavailable(listed.status()) || hangs) {
                    return near_->Grants(std::move(request), deadline, std::move(done));
                  }
                  if (listed.ok() && of_maintenance) kept_.Keep(listed->maintenance, *near_, deadline);
                  if (listed.ok() && listed->grants.has_value()) {
                    near_->KeepGrants(*listed, deadline, [](const absl::Status& /*kept*/) {});
                  }
                  std::move(done)(std::move(listed));
                });
  }

  // It serves while the near store does.
  void Ping(absl::Time deadline, PingDone done) override { near_->Ping(deadline, std::move(done)); }

  Description Describe() const override {
    Backend* const far = far_->get();
    if (far != nullptr) return far->Describe();
    return {"postgres", "postgres", "", 0, near_->far_layout(), "", "", near_->far_id()};
  }

  absl::Status CheckHolds(const Commit& commit) const override {
    if (Backend* const far = far_->get(); far != nullptr) return far->CheckHolds(commit);
    return check_holds_ == nullptr ? absl::OkStatus() : check_holds_(near_->far_layout(), commit);
  }

  WriteBehindState State() const override {
    const HomeTable::State now = table_.Now();
    WriteBehindState state;
    state.store_id = near_->id();
    state.address = advertise_;
    state.sessions = now.sessions;
    state.dirty_sessions = now.dirty_sessions;
    state.commits = now.commits;
    state.bytes = now.bytes;
    state.orphans = flusher_.orphans();
    if (now.oldest != absl::InfiniteFuture()) state.oldest = absl::Now() - (table_.SteadyNow() - now.oldest);
    state.away_since = flusher_.away_since();
    return state;
  }

 private:
  template <typename Request, typename Result>
  using Call = std::shared_ptr<SplitCall<Request, Result>>;
  enum class Before : std::uint8_t { kNothing, kClaim, kClaimThatMoved };

  HomeTable* Filled(const std::vector<Home>& homes, const WriteBehindOptions& options) {
    for (const Home& home : homes) {
      if (home.damaged) {
        options.log(absl::StrCat("what the file has of session ", absl::Utf8SafeCEscape(home.session_id),
                                 " is damaged: it is not known whether it is at home here, and it is not served until "
                                 "the database has it elsewhere"));
        // What no session can be called is not asked for.
        if (CheckSessionId(home.session_id).ok()) table_.AddDamaged(home.session_id);
        continue;
      }
      if (home.state != Home::State::kHome && home.state != Home::State::kLeaving) continue;
      table_.AddHome(home.session_id, home.state == Home::State::kLeaving, home.dirty_bytes, home.dirty_since,
                     home.lease, home.revision - std::min(home.revision, home.flushed_revision));
    }
    return &table_;
  }

  template <typename Request, typename Result, typename Done>
  void Begin(std::vector<Request> requests, absl::Time deadline, Done done) {
    if (requests.empty()) return std::move(done)({});
    auto call = std::make_shared<SplitCall<Request, Result>>(requests.size(), deadline, std::move(done));
    Part<Request> part;
    for (std::size_t i = 0; i < requests.size(); ++i) part.Add(i, std::move(requests[i]));
    Route<Request, Result>(std::move(call), std::move(part), Before::kNothing);
  }

  // All requests of a session go the same way, in their order. `before`: what was done for them.
  template <typename Request, typename Result>
  void Route(Call<Request, Result> call, Part<Request> part, Before before) {
    std::map<std::string, Part<Request>> sessions;
    for (std::size_t i = 0; i < part.places.size(); ++i) {
      std::string session_id = part.requests[i].session_id;
      sessions[std::move(session_id)].Add(part.places[i], std::move(part.requests[i]));
    }
    Part<Request> near;
    Part<Request> far;
    for (auto& [session_id, of_session] : sessions) {
      if (call->deadline <= absl::Now()) {
        AnswerAll(*call, of_session, DeadlinePassedInQueue());
        continue;
      }
      auto held = std::make_shared<Part<Request>>(std::move(of_session));
      const bool claims = before == Before::kNothing && BeginsClaim(session_id, held->requests);
      auto moved = claims ? std::make_shared<std::atomic<bool>>(false) : nullptr;
      HomeTable::Resume resume = [this, call, held, moved, before](const absl::Status& status) {
        // Its claim may go on.
        if (!status.ok()) return AnswerAll(*call, *held, moved ? WithOutcome(status, Outcome::kUnknown) : status);
        const Before claimed = moved != nullptr && *moved ? Before::kClaimThatMoved : Before::kClaim;
        Route<Request, Result>(call, std::move(*held), moved != nullptr ? claimed : before);
      };
      std::optional<LeaseRequest> claim = claims ? FirstOf(held->requests) : std::nullopt;
      // A request counts by itself where it ends, so each enters.
      const HomeTable::Place place = table_.Enter(session_id, UseOf(held->requests.front()), call->deadline, &resume);
      if (claim.has_value()) claims_.Claim(*std::move(claim), call->deadline, std::move(moved));
      if (place == HomeTable::Place::kHeld) continue;
      Part<Request>& to = place == HomeTable::Place::kNear ? near : far;
      for (std::size_t i = 0; i < held->places.size(); ++i) to.Add(held->places[i], std::move(held->requests[i]));
    }
    if (!near.places.empty()) SendNear(call, std::move(near));
    if (!far.places.empty()) SendFar(call, std::move(far), before);
  }

  // Whether the session is to come home for them: then its claim has begun.
  bool BeginsClaim(const std::string& session_id, const std::vector<LeaseRequest>& requests) {
    const bool wants = requests.front().action == LeaseRequest::Action::kAcquire ||
                       requests.front().action == LeaseRequest::Action::kRenew;
    return wants && far_->get() != nullptr && table_.BeginClaim(session_id);
  }
  template <typename Request>
  bool BeginsClaim(const std::string& /*session_id*/, const std::vector<Request>& /*requests*/) {
    return false;
  }
  static std::optional<LeaseRequest> FirstOf(const std::vector<LeaseRequest>& requests) { return requests.front(); }
  template <typename Request>
  static std::optional<LeaseRequest> FirstOf(const std::vector<Request>& /*requests*/) {
    return std::nullopt;
  }

  template <typename Call>
  void SendNear(const Call& call, Part<Commit> part) {
    // What the far store cannot hold would be acknowledged here and never get there.
    Part<Commit> sound;
    std::map<std::string, std::uint64_t> bytes;
    for (std::size_t i = 0; i < part.places.size(); ++i) {
      std::uint64_t& of_session = bytes[part.requests[i].session_id];
      if (absl::Status holds = CheckHolds(part.requests[i]); !holds.ok()) {
        call->Answer(part.places[i], std::move(holds));
        continue;
      }
      of_session += ByteSize(part.requests[i]) + kKeyOverheadBytes;
      sound.Add(part.places[i], std::move(part.requests[i]));
    }
    std::vector<std::string> order;
    for (const Commit& commit : sound.requests) order.push_back(commit.session_id);
    near_->Apply(std::move(sound.requests), call->deadline,
                 [this, call, places = std::move(sound.places), order = std::move(order),
                  bytes = std::move(bytes)](std::vector<absl::StatusOr<Applied>> results) {
                   std::map<std::string, std::uint64_t> changed;
                   for (std::size_t i = 0; i < results.size(); ++i) {
                     // One in doubt may have been applied.
                     if (OutcomeOf(results[i].status()) != Outcome::kNotApplied) ++changed[order[i]];
                   }
                   for (const auto& [session_id, size] : bytes) {
                     if (changed[session_id] > 0) {
                       table_.EndCommit(session_id, size, changed[session_id]);
                     } else {
                       table_.EndUse(session_id);
                     }
                   }
                   for (std::size_t i = 0; i < results.size(); ++i) call->Answer(places[i], std::move(results[i]));
                 });
  }

  template <typename Call>
  void SendNear(const Call& call, Part<ReadRequest> part) {
    std::set<std::string> used;
    for (const ReadRequest& request : part.requests) used.insert(request.session_id);
    near_->Read(std::move(part.requests), call->deadline,
                [this, call, used = std::move(used),
                 places = std::move(part.places)](std::vector<absl::StatusOr<ReadResult>> results) {
                  for (const std::string& session_id : used) table_.EndUse(session_id);
                  for (std::size_t i = 0; i < results.size(); ++i) call->Answer(places[i], std::move(results[i]));
                });
  }

  template <typename Call>
  void SendNear(const Call& call, Part<LeaseRequest> part) {
    std::vector<LeaseRequest> asked = part.requests;
    near_->Leases(std::move(part.requests), call->deadline,
                  [this, call, places = std::move(part.places),
                   asked = std::move(asked)](std::vector<absl::StatusOr<LeaseResult>> results) {
                    EndLeases(asked, results, [call, places, results] {
                      for (std::size_t i = 0; i < results.size(); ++i) call->Answer(places[i], results[i]);
                    });
                  });
  }

  // Where a session has become nobody's it leaves, and whoever gave it up is answered when it has: then it is free
  // elsewhere too.
  template <typename AnswerAllOf>
  void EndLeases(const std::vector<LeaseRequest>& asked, const std::vector<absl::StatusOr<LeaseResult>>& results,
                 AnswerAllOf answer) {
    std::map<std::string, std::optional<Lease>> leases;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      std::optional<Lease>& lease = leases[asked[i].session_id];
      if (results[i].ok()) lease = results[i]->lease;
    }
    std::vector<std::string> leaving;
    for (const auto& [session_id, lease] : leases) {
      if (lease.has_value()) table_.SetLease(session_id, *lease);
      if (lease.has_value() && !lease->held()) leaving.push_back(session_id);
    }
    auto left = std::make_shared<std::atomic<std::size_t>>(leaving.size());
    for (const std::string& session_id : leaving) {
      table_.WantToLeave(session_id, absl::Now() + kLeavePatience, [left, answer]() mutable {
        if (left->fetch_sub(1) == 1) answer();
      });
    }
    // Only now may they be gone.
    for (const auto& of_session : leases) table_.EndUse(of_session.first);
    if (leaving.empty()) answer();
  }

  void SendFar(const Call<Commit, Applied>& call, Part<Commit> part, Before before) {
    Ask(call, std::move(part), before, &Backend::Apply);
  }
  void SendFar(const Call<ReadRequest, ReadResult>& call, Part<ReadRequest> part, Before before) {
    Ask(call, std::move(part), before, &Backend::Read);
  }
  void SendFar(const Call<LeaseRequest, LeaseResult>& call, Part<LeaseRequest> part, Before before) {
    Ask(call, std::move(part), before, &Backend::Leases);
  }
  template <typename Call, typename Request, typename Method>
  void Ask(const Call& call, Part<Request> part, Before before, Method method) {
    Backend* const far = far_->get();
    if (far == nullptr) return AnswerAll(*call, part, FarIsAway());
    const bool moved = before == Before::kClaimThatMoved;
    (far->*method)(std::move(part.requests), call->deadline,
                   [call, moved, places = std::move(part.places)](auto results) {
                     for (std::size_t i = 0; i < results.size(); ++i) {
                       call->Answer(places[i], moved ? OfMoved(std::move(results[i])) : std::move(results[i]));
                     }
                   });
  }

  void LookAtHeld() {
    table_.Expire(absl::Now());
    if (table_.AnybodyHeld()) look_at_held_.SetIfEarlier(absl::Now() + kLookAtHeld);
  }

  // In the order in which they need each other: the flusher ends first, and the calls under way after it with the
  // stores.
  const std::string advertise_;
  const std::shared_ptr<DeadlineTimer> timer_;
  const std::function<absl::Status(absl::string_view, const Commit&)> check_holds_;
  StepDeadline steps_;
  HomeTable table_;
  DeadlineTimer::Deadline look_at_held_;
  KeptMaintenance kept_;
  const std::unique_ptr<NearStore> near_;
  const std::unique_ptr<FarLink> far_;
  Claims claims_;
  Flusher flusher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WriteBehindTier>> OpenWriteBehind(std::unique_ptr<NearStore> near,
                                                                 WriteBehindOptions options) {
  NearStore* const store = near.get();
  auto far = std::make_unique<FarLink>(options.open_far,
                                       [store, options](Backend& opened) { return Pair(*store, opened, options); });
  const absl::Status opened = far->Open();
  // Without the far store it is known only of a near store that was before one what it is for.
  if (!opened.ok() && (!absl::IsUnavailable(opened) || near->far_id().empty())) return opened;
  const auto homes = AwaitCall<absl::StatusOr<std::vector<Home>>>(
      [&](auto done) { near->ReadHomes(absl::Now() + options.step_timeout, std::move(done)); });
  if (!homes.ok()) return homes.status();
  const auto orphans = AwaitCall<absl::StatusOr<std::uint64_t>>(
      [&](auto done) { near->CountOrphans(absl::Now() + options.step_timeout, std::move(done)); });
  if (!orphans.ok()) return orphans.status();
  std::string owner = absl::StrCat(kHomeOwnerPrefix, near->id());
  if (!options.advertise.empty()) absl::StrAppend(&owner, "@", options.advertise);
  if (!opened.ok()) options.log(absl::StrCat("the database is away: ", opened.message()));
  return std::make_unique<WriteBehindBackend>(std::move(near), std::move(far), *homes, *orphans, std::move(owner),
                                              options);
}

}  // namespace authstate::storage
