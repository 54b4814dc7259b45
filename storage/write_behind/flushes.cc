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

// Of a statement.
constexpr std::size_t kBytes = std::size_t{16} << 20;
// Until a session is tried again whose flush was refused for what it is.
constexpr absl::Duration kLater = absl::Seconds(5);

}  // namespace

void Flushes::TryAgain(absl::Time now) {
  for (auto at = later_.begin(); at != later_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    table_.Flushed(at->first, /*ok=*/false, now);
    later_.erase(at++);
  }
}

bool Flushes::Flush(Backend& far, const std::vector<std::string>& sessions) {
  const auto read = AwaitCall<std::vector<absl::StatusOr<UnflushedChanges>>>(
      [&](auto done) { near_.ReadUnflushed(sessions, kBytes, steps_.Soon(), std::move(done)); });
  for (std::size_t i = read.size(); i < sessions.size(); ++i) table_.Flushed(sessions[i], /*ok=*/false, absl::Now());
  std::vector<Commit> commits;
  std::vector<const UnflushedChanges*> flushed;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i].ok()) {
      refusals_.Tell(sessions[i], absl::StrCat("what is to be flushed of session ", sessions[i], " cannot be read"),
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
  const auto results = ApplyTo(far, std::move(commits), steps_.Soon());
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
  const std::vector<absl::Status> changed = ChangeIn(near_, steps, steps_.Soon());
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

bool Flushes::Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result,
                         std::vector<HomeChange>* flushed) {
  const std::string& session_id = changes.home.session_id;
  if (result.ok()) {
    refusals_.Forget(session_id);
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
    const Whereabouts::Fate fate = whereabouts_.StartOver(far, changes);
    if (fate == Whereabouts::Fate::kUnknown) table_.Flushed(session_id, /*ok=*/false, absl::Now());
    return fate != Whereabouts::Fate::kUnknown;
  }
  if (IsAway(status) || OutcomeOf(status) != Outcome::kNotApplied) {
    table_.Flushed(session_id, /*ok=*/false, absl::Now());
    return false;
  }
  refusals_.Tell(session_id, absl::StrCat("session ", session_id, " cannot be flushed"), status);
  later_[session_id] = absl::Now() + kLater;
  return true;
}

}  // namespace authstate::storage
