#include "storage/write_behind/flushes.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

// The most that one statement flushes.
constexpr std::size_t kBytes = std::size_t{16} << 20;
// Until a session is tried again whose flush was refused for what it is: twice as long each time.
constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(5);

using Results = std::vector<absl::StatusOr<Applied>>;

// Whether the far store has answered anything, and not only that it is away.
bool AnswersAny(const Results& results) {
  return std::any_of(results.begin(), results.end(), [](const auto& result) {
    return result.ok() || (IsNotApplied(result.status()) && !IsAway(result.status()));
  });
}

// Whether there was too little time for them, though the far store has some for others.
bool TookTooLong(Backend& far, const Results& results, absl::Time deadline) {
  return std::all_of(results.begin(), results.end(),
                     [](const auto& result) { return absl::IsDeadlineExceeded(result.status()); }) &&
         AwaitCall<absl::Status>([&](auto done) { far.Ping(deadline, std::move(done)); }).ok();
}

}  // namespace

bool Flushes::IsPutOff(const std::string& session_id) const {
  const auto found = put_off_.find(session_id);
  return found != put_off_.end() && found->second.waits;
}

void Flushes::Delay(const std::string& session_id, absl::Duration first_pause) {
  PutOff& put_off = put_off_[session_id];
  put_off.pause = std::clamp(put_off.pause * 2, first_pause, kLongestPause);
  put_off.until = table_.SteadyNow() + put_off.pause;
  put_off.waits = true;
  table_.PutOff(session_id);
}

void Flushes::TryAgain(absl::Time now) {
  for (auto& [session_id, put_off] : put_off_) {
    if (!put_off.waits || put_off.until > now) continue;
    put_off.waits = false;
    table_.TryAgain(session_id);
  }
}

bool Flushes::Flush(Backend& far) {
  std::vector<std::string> together;
  std::vector<std::string> alone;
  std::vector<std::string> dirty = table_.TakeDirty(together_);
  took_all_ = dirty.size() < together_;
  for (std::string& session_id : dirty) {
    (put_off_.count(session_id) > 0 ? alone : together).push_back(std::move(session_id));
  }
  bool there = together.empty() || FlushAtOnce(far, together);
  for (const std::string& session_id : alone) {
    if (there) {
      there = FlushAtOnce(far, {session_id});
    } else {
      table_.Flushed(session_id, /*ok=*/false);
    }
  }
  return there;
}

bool Flushes::FlushAtOnce(Backend& far, const std::vector<std::string>& sessions) {
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
      [&](auto done) { near_.ReadUnflushed(sessions, kBytes, steps_.Soon(), std::move(done)); });
  for (std::size_t i = read.size(); i < sessions.size(); ++i) table_.Flushed(sessions[i], /*ok=*/false);
  took_all_ = took_all_ && read.size() == sessions.size();
  std::vector<Commit> commits;
  std::vector<const UnflushedChanges*> flushed;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i].ok()) {
      refusals_.Tell(sessions[i], absl::StrCat("what is to be flushed of session ", sessions[i], " cannot be read"),
                     read[i].status());
      Delay(sessions[i], kFirstPause);
      continue;
    }
    const UnflushedChanges& changes = *read[i];
    if (!changes.any) {
      put_off_.erase(changes.home.session_id);
      table_.Flushed(changes.home.session_id, /*ok=*/true);
      continue;
    }
    if (changes.damaged) {
      refusals_.Tell(sessions[i], absl::StrCat("session ", sessions[i], " is flushed whole"),
                     absl::DataLossError("what the file knew of its changes is damaged"));
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
  const Results results = ApplyTo(far, std::move(commits), steps_.Soon());
  // One session that always takes too long does not mean that the far store is away.
  const bool answers = AnswersAny(results);
  const bool too_long = !answers && TookTooLong(far, results, steps_.Soon());
  together_ = too_long ? std::max<std::size_t>(flushed.size() / 2, 1) : std::min(together_ * 2, kMostTogether);
  const bool is_its_fault = answers || (too_long && flushed.size() == 1);
  bool there = true;
  for (std::size_t i = 0; i < flushed.size(); ++i) {
    if (Understand(far, *flushed[i], results[i])) continue;
    const std::string& session_id = flushed[i]->home.session_id;
    there = there && (answers || too_long);
    if (is_its_fault) {
      Delay(session_id, kFirstPause);
    } else {
      table_.Flushed(session_id, /*ok=*/false);
    }
  }
  return Remember(flushed, results) && there;
}

bool Flushes::Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result) {
  if (result.ok()) return true;
  const std::string& session_id = changes.home.session_id;
  const absl::Status& status = result.status();
  if (IsSessionLocked(status)) {
    Delay(session_id, absl::ZeroDuration());
    return true;
  }
  if (IsElsewhere(status)) {
    const Whereabouts::Fate fate = whereabouts_.StartOver(far, changes);
    if (fate == Whereabouts::Fate::kGone) put_off_.erase(session_id);
    if (fate == Whereabouts::Fate::kUnknown) table_.Flushed(session_id, /*ok=*/false);
    return true;
  }
  if (IsAway(status) || OutcomeOf(status) != Outcome::kNotApplied) return false;
  refusals_.Tell(session_id, absl::StrCat("session ", session_id, " cannot be flushed"), status);
  Delay(session_id, kFirstPause);
  return true;
}

bool Flushes::Remember(const std::vector<const UnflushedChanges*>& flushed, const Results& results) {
  std::vector<HomeChange> steps;
  for (std::size_t i = 0; i < flushed.size(); ++i) {
    if (!results[i].ok()) continue;
    const Home& home = flushed[i]->home;
    refusals_.Forget(home.session_id);
    put_off_.erase(home.session_id);
    HomeChange& step = steps.emplace_back(Step(HomeChange::Step::kFlushed, home.session_id));
    step.home.far_fence = home.far_fence;
    step.home.far_number = home.far_number + 1;
    // Less than what was sent where an earlier attempt was applied.
    step.home.flushed_revision = results[i]->revision;
  }
  if (steps.empty()) return true;
  const std::vector<absl::Status> changed = ChangeIn(near_, std::move(steps), steps_.Soon());
  std::size_t place = 0;
  for (std::size_t i = 0; i < flushed.size(); ++i) {
    if (!results[i].ok()) continue;
    // Where it is not known here it is flushed again, as the same number; and what is of later revisions than what was
    // applied goes next.
    const bool whole = results[i]->revision >= flushed[i]->commit.carried->revision;
    table_.Flushed(flushed[i]->home.session_id, changed[place++].ok() && whole);
  }
  return std::all_of(changed.begin(), changed.end(), [](const absl::Status& status) { return status.ok(); });
}

}  // namespace authstate::storage
