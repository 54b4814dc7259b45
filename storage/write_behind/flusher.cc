#include "storage/write_behind/flusher.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"

namespace authstate::storage {
namespace {

// How many sessions leave in a round.
constexpr std::size_t kSessions = 256;
// How often leases are looked at that may have ended.
constexpr absl::Duration kLook = absl::Seconds(1);
// Between two rounds while the far store is away.
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
constexpr absl::Duration kLongestRest = absl::Milliseconds(50);
// By when it has said whether there is maintenance, or is away.
constexpr absl::Duration kSaysOfMaintenance = absl::Milliseconds(500);

}  // namespace

absl::Duration RestAfter(absl::Duration flush, bool written_meanwhile) {
  return written_meanwhile ? std::min(2 * flush, kLongestRest) : absl::ZeroDuration();
}

Flusher::Flusher(NearStore* near, FarLink* far, HomeTable* table, Claims* claims, StepDeadline* steps,
                 std::uint64_t orphans, const WriteBehindOptions& options)
    : far_(*far),
      table_(*table),
      claims_(*claims),
      options_(options),
      steps_(*steps),
      refusals_(options.log),
      whereabouts_(near, table, claims, steps, orphans, options),
      flushes_(near, table, &whereabouts_, &refusals_, steps),
      departures_(near, table, claims, &whereabouts_, &flushes_, &refusals_, steps),
      copies_(near, table, steps, options),
      reach_(far->get() != nullptr ? Reach::kThere : Reach::kAway),
      catching_up_(reach_ != Reach::kThere),
      away_since_(reach_ == Reach::kThere ? std::nullopt : std::make_optional(absl::Now())),
      thread_([this] { Run(); }) {}

Flusher::~Flusher() {
  table_.WantAllToLeave();
  const std::optional<absl::Time> stop_by = options_.stop_by == nullptr ? std::nullopt : options_.stop_by();
  steps_.StopBy(stop_by.value_or(absl::Now() + options_.stop_timeout));
  table_.Wake();
  // A call that is under way may take longer; what is left then is told all the same.
  ended_.WaitForNotificationWithDeadline(steps_.stop_by());
  TellWhatIsLeft();
  thread_.join();
}

void Flusher::TellWhatIsLeft() const {
  const HomeTable::State left = table_.Now();
  if (left.sessions == 0) return;
  options_.log(absl::StrCat(left.sessions, " sessions stay at home in this server's file, ", left.dirty_sessions,
                            " of them with changes that the database does not have (about ", left.bytes,
                            " bytes): start it again where that file is"));
}

void Flusher::Run() {
  absl::Duration pause = absl::ZeroDuration();
  while (true) {
    Await(pause);
    const bool there = Round();
    pause = there ? absl::ZeroDuration() : std::min(std::max(pause * 2, kFirstPause), kLongestPause);
    Tell(there ? Reach::kThere : WhyNot());
    if (steps_.stopping() && (absl::Now() >= steps_.stop_by() || table_.Now().sessions == 0)) break;
  }
  ended_.Notify();
}

void Flusher::Await(absl::Duration pause) {
  if (pause > absl::ZeroDuration()) return table_.AwaitWork(pause, HomeTable::Work::kNone);
  table_.AwaitWork(looked_at_ + kLook - table_.SteadyNow(), HomeTable::Work::kAny);
  // Who gives a session up waits for it to have left.
  table_.AwaitWork(rests_until_ - table_.SteadyNow(), HomeTable::Work::kLeaving);
}

std::string Flusher::LineOf(Reach before, Reach reach, const HomeTable::State& state) {
  switch (reach) {
    case Reach::kThere:
      return absl::StrCat(
          before == Reach::kMaintenance ? "maintenance of the database has ended; " : "the database is back; ",
          state.dirty_sessions, " sessions are left to flush");
    case Reach::kMaintenance:
      return absl::StrCat("the database is in maintenance; what it lacks of ", state.dirty_sessions,
                          " sessions at home is flushed when that ends");
    case Reach::kAway:
      break;
  }
  return absl::StrCat("the database is away; ", state.sessions, " sessions at home are served");
}

void Flusher::Look(absl::Time now) {
  looked_at_ = now;
  table_.LetWaitingGoOn();
  flushes_.TryAgain(now);
  table_.WantExpiredToLeave();
  if (steps_.stopping()) table_.WantAllToLeave();
}

bool Flusher::Answers(Backend& far) const {
  return AwaitCall<absl::Status>([&](auto done) { far.Ping(steps_.Soon(), std::move(done)); }).ok();
}

Flusher::Reach Flusher::WhyNot() {
  if (far_.get() == nullptr) return Reach::kAway;
  GrantRequest get;
  get.action = GrantRequest::Action::kGetMaintenance;
  const auto answer = AwaitCall<absl::StatusOr<GrantResult>>([&](auto done) {
    far_.get()->Grants(std::move(get), std::min(steps_.Soon(), absl::Now() + kSaysOfMaintenance), std::move(done));
  });
  return answer.ok() && answer->maintenance.has_value() ? Reach::kMaintenance : Reach::kAway;
}

void Flusher::Tell(Reach reach) {
  const Reach before = std::exchange(reach_, reach);
  if (reach == before && !(reach == Reach::kThere && catching_up_)) return;
  const HomeTable::State state = table_.Now();
  if (reach != before) {
    options_.log(LineOf(before, reach, state));
    catching_up_ = true;
    const absl::MutexLock lock(&mutex_);
    away_since_ = reach == Reach::kAway ? std::make_optional(absl::Now()) : std::nullopt;
  }
  if (reach != Reach::kThere || state.dirty_sessions > 0) return;
  catching_up_ = false;
  options_.log("the database has caught up: it has all that is at home here");
}

bool Flusher::Round() {
  const bool there = Work(table_.SteadyNow());
  if (there) return true;
  // Nobody is shut out of a session that cannot leave now.
  for (const std::string& session_id : table_.Leaving()) {
    if (!whereabouts_.IsLost(session_id)) table_.Stay(session_id);
  }
  return false;
}

bool Flusher::IsTimeToSweep(absl::Time now) {
  // What is still on its way after a claim that was in doubt has come to an end, one way or the other, a step later.
  if (claims_.TakeDoubt()) {
    sweep_ = true;
    sweep_again_at_ = now + options_.step_timeout;
  } else if (now >= sweep_again_at_) {
    sweep_ = true;
    sweep_again_at_ = absl::InfiniteFuture();
  }
  return sweep_;
}

bool Flusher::Work(absl::Time now) {
  if (absl::Status opened = far_.Open(); !opened.ok()) {
    if (!absl::IsUnavailable(opened)) refusals_.Tell("", "the database cannot be used", opened);
    return false;
  }
  refusals_.Forget("");
  Backend& far = *far_.get();
  // A round with nothing to flush asks nothing, and would take it to be back.
  if (reach_ != Reach::kThere && !Answers(far)) return false;
  if (now - looked_at_ >= kLook || steps_.stopping()) {
    Look(now);
    if (!whereabouts_.Look(far)) return false;
  }
  const bool sweep = IsTimeToSweep(now);
  const absl::Time began = table_.SteadyNow();
  if (!flushes_.Flush(far)) return false;
  const absl::Time ended = table_.SteadyNow();
  rests_until_ = flushes_.took_all() ? ended + RestAfter(ended - began, table_.IsDirty()) : ended;
  if (!departures_.Resolve(far, table_.TakeInDoubt())) return false;
  if (!departures_.Leave(far, table_.TakeLeaving(kSessions))) return false;
  if (!copies_.Look(far, now)) return false;
  if (sweep) sweep_ = !departures_.Sweep(far);
  table_.LetWaitingGoOn();
  return !sweep_;
}

}  // namespace authstate::storage
