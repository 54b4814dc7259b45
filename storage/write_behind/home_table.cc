#include "storage/write_behind/home_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// At once; then the time is looked at again.
constexpr absl::Duration kLongestWait = absl::Hours(1);

absl::Status NoRoom() {
  return WithRetryDelay(
      WithOutcome(
          Error(absl::StatusCode::kResourceExhausted, kWriteBehindFull,
                "the database is away, and as much is written that it does not have as may be; try again later"),
          Outcome::kNotApplied),
      absl::Seconds(1));
}

absl::Status Damaged(const std::string& session_id) {
  return WithOutcome(
      Error(absl::StatusCode::kDataLoss, kCorruptValue,
            absl::StrCat(
                "what this server's file has of session ", session_id,
                " is damaged: it is not known whether it is at home there (docs/write-behind.md says what to do)")),
      Outcome::kNotApplied);
}

}  // namespace

void HomeTable::GoOn(Ready ready) {
  for (auto& each : ready) std::move(each)();
}

void HomeTable::Take(std::deque<Held>* all, const absl::Status& status, Ready* ready) {
  for (Held& held : *all) {
    ready->push_back([resume = std::move(held.resume), status]() mutable { std::move(resume)(status); });
  }
  all->clear();
}

void HomeTable::Release(Entry* entry, Ready* ready) {
  held_ -= entry->held.size() + entry->settled.size();
  Take(&entry->held, absl::OkStatus(), ready);
  Take(&entry->settled, absl::OkStatus(), ready);
}

void HomeTable::Hold(std::deque<Held>* all, Held held) {
  all->push_back(std::move(held));
  if (on_hold_ != nullptr) on_hold_();
}

HomeTable::~HomeTable() {
  Ready ready;
  {
    const absl::MutexLock lock(&mutex_);
    for (auto& entry : entries_) {
      Take(&entry.second.held, DeadlinePassedInQueue(), &ready);
      Take(&entry.second.settled, DeadlinePassedInQueue(), &ready);
    }
    Take(&waiting_, DeadlinePassedInQueue(), &ready);
  }
  GoOn(std::move(ready));
}

HomeTable::Place HomeTable::Enter(const std::string& session_id, Use use, absl::Time deadline, Resume* resume) {
  absl::ReleasableMutexLock lock(&mutex_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return Place::kFar;
  Entry& entry = found->second;
  if (entry.phase == Entry::Phase::kDamaged) {
    lock.Release();
    std::move (*resume)(Damaged(session_id));
    return Place::kHeld;
  }
  if (entry.phase != Entry::Phase::kOpen) {
    ++held_;
    Hold(&entry.held, {deadline, std::move(*resume)});
    return Place::kHeld;
  }
  if (use == Use::kCommit && Full(entry)) {
    Hold(&waiting_, {deadline, std::move(*resume)});
    return Place::kHeld;
  }
  ++entry.uses;
  return Place::kNear;
}

HomeTable::Entry& HomeTable::Ended(const std::string& session_id) {
  Entry& entry = entries_.at(session_id);
  if (--entry.uses == 0 && entry.phase == Entry::Phase::kShut) Tell(Work::kLeaving);
  return entry;
}

void HomeTable::EndUse(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  Ended(session_id);
}

void HomeTable::SetLease(const std::string& session_id, const Lease& lease) {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  found->second.lease_end = lease.held() ? SteadyNow() + lease.remaining : absl::InfinitePast();
}

bool HomeTable::BeginClaim(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  return !claims_ended_ && entries_.try_emplace(session_id).second;
}

void HomeTable::EndClaim(const std::string& session_id, bool at_home, const Lease& lease) {
  Ready ready;
  {
    const absl::MutexLock lock(&mutex_);
    Entry& entry = entries_.at(session_id);
    Release(&entry, &ready);
    if (at_home) {
      entry.phase = Entry::Phase::kOpen;
      // Somebody is about to take it.
      entry.lease_end = SteadyNow() + (lease.live() ? lease.remaining : absl::Seconds(1));
      if (claims_ended_ || leaving_.contains(session_id)) InsertLeaving(session_id, entry);
    } else {
      entries_.erase(session_id);
      leaving_.erase(session_id);
    }
  }
  GoOn(std::move(ready));
}

void HomeTable::AddHome(const std::string& session_id, bool leaving, std::uint64_t dirty_bytes, absl::Time dirty_since,
                        const Lease& lease, std::uint64_t dirty_commits) {
  const absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[session_id];
  entry.commits = dirty_commits;
  entry.phase = leaving ? Entry::Phase::kInDoubt : Entry::Phase::kOpen;
  SetBytes(dirty_bytes, /*apart=*/false, &entry);
  entry.dirty_since = dirty_since;
  entry.lease_end = lease.held() ? SteadyNow() + lease.remaining : absl::InfinitePast();
  if (dirty_since != absl::InfiniteFuture()) MarkDirty(session_id, &entry);
  if (leaving) InsertLeaving(session_id, entry);
}

void HomeTable::AddDamaged(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  entries_[session_id].phase = Entry::Phase::kDamaged;
}

void HomeTable::WantToLeave(const std::string& session_id, absl::Time deadline, absl::AnyInvocable<void() &&> settled) {
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(session_id);
    if (found != entries_.end()) {
      ++held_;
      Hold(&found->second.settled, {deadline, [settled = std::move(settled)](const absl::Status& /*status*/) mutable {
                                      std::move(settled)();
                                    }});
      InsertLeaving(session_id, found->second);
      return;
    }
  }
  std::move(settled)();
}

void HomeTable::WantExpiredToLeave() {
  const absl::Time now = SteadyNow();
  const absl::MutexLock lock(&mutex_);
  for (auto& [session_id, entry] : entries_) {
    const bool put_off = entry.phase == Entry::Phase::kShut || entry.phase == Entry::Phase::kInDoubt;
    if (put_off || (entry.phase == Entry::Phase::kOpen && entry.lease_end <= now)) InsertLeaving(session_id, entry);
  }
}

void HomeTable::WantAllToLeave() {
  const absl::MutexLock lock(&mutex_);
  claims_ended_ = true;
  for (auto& [session_id, entry] : entries_) {
    if (entry.phase == Entry::Phase::kOpen) InsertLeaving(session_id, entry);
  }
}

std::vector<std::string> HomeTable::TakeLeaving(std::size_t limit) {
  std::vector<std::string> taken;
  const absl::MutexLock lock(&mutex_);
  for (const std::string& session_id : leaving_) {
    Entry& entry = entries_.at(session_id);
    if (entry.phase != Entry::Phase::kOpen && entry.phase != Entry::Phase::kShut) continue;
    const bool was_open = std::exchange(entry.phase, Entry::Phase::kShut) == Entry::Phase::kOpen;
    if (was_open && entry.queued) dirty_.push_front(session_id);
    if (entry.uses == 0 && taken.size() < limit) taken.push_back(session_id);
  }
  return taken;
}

std::vector<std::string> HomeTable::TakeInDoubt() {
  std::vector<std::string> taken;
  const absl::MutexLock lock(&mutex_);
  for (const std::string& session_id : leaving_) {
    if (entries_.at(session_id).phase == Entry::Phase::kInDoubt) taken.push_back(session_id);
  }
  return taken;
}

void HomeTable::Shut(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  Entry& entry = entries_.at(session_id);
  entry.phase = Entry::Phase::kShut;
  InsertLeaving(session_id, entry);
}

void HomeTable::PutOffLeaving(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  leaving_.erase(session_id);
}

std::vector<std::string> HomeTable::Leaving() const {
  std::vector<std::string> leaving;
  const absl::MutexLock lock(&mutex_);
  for (const std::string& session_id : leaving_) {
    const Entry::Phase phase = entries_.at(session_id).phase;
    if (phase == Entry::Phase::kOpen || phase == Entry::Phase::kShut) leaving.push_back(session_id);
  }
  return leaving;
}

void HomeTable::Stay(const std::string& session_id) {
  Ready ready;
  {
    const absl::MutexLock lock(&mutex_);
    Entry& entry = entries_.at(session_id);
    entry.phase = Entry::Phase::kOpen;
    leaving_.erase(session_id);
    Release(&entry, &ready);
  }
  GoOn(std::move(ready));
}

void HomeTable::Doubt(const std::string& session_id) {
  Ready ready;
  {
    const absl::MutexLock lock(&mutex_);
    Entry& entry = entries_.at(session_id);
    entry.phase = Entry::Phase::kInDoubt;
    held_ -= entry.settled.size();
    Take(&entry.settled, absl::OkStatus(), &ready);
  }
  GoOn(std::move(ready));
}

void HomeTable::Remove(const std::string& session_id) {
  Ready ready;
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(session_id);
    Release(&found->second, &ready);
    SetBytes(0, /*apart=*/true, &found->second);
    entries_.erase(found);
    leaving_.erase(session_id);
  }
  GoOn(std::move(ready));
}

void HomeTable::Expire(absl::Time now) {
  Ready ready;
  const auto expire = [now, &ready](std::deque<Held>* all, const absl::Status& why) {
    for (auto held = all->begin(); held != all->end();) {
      if (held->deadline > now) {
        ++held;
        continue;
      }
      ready.push_back([resume = std::move(held->resume), why]() mutable { std::move(resume)(why); });
      held = all->erase(held);
    }
  };
  {
    const absl::MutexLock lock(&mutex_);
    for (auto& entry : entries_) {
      if (held_ == 0) break;
      for (std::deque<Held>* const all : {&entry.second.held, &entry.second.settled}) {
        held_ -= all->size();
        expire(all, DeadlinePassedInQueue());
        held_ += all->size();
      }
    }
    expire(&waiting_, NoRoom());
  }
  GoOn(std::move(ready));
}

bool HomeTable::AnybodyHeld() const {
  const absl::MutexLock lock(&mutex_);
  return held_ > 0 || !waiting_.empty();
}

absl::flat_hash_set<std::string> HomeTable::Sessions() const {
  absl::flat_hash_set<std::string> sessions;
  const absl::MutexLock lock(&mutex_);
  for (const auto& entry : entries_) {
    if (entry.second.phase != Entry::Phase::kClaiming) sessions.insert(entry.first);
  }
  return sessions;
}

void HomeTable::InsertLeaving(const std::string& session_id, const Entry& entry) {
  leaving_.insert(session_id);
  if (CanGo(entry)) Tell(Work::kLeaving);
}

// Whether something can be done about one that leaves, or may have left: its claim is over, and nobody uses it who
// keeps it from going.
bool HomeTable::CanGo(const Entry& entry) {
  return entry.phase != Entry::Phase::kClaiming && (entry.phase != Entry::Phase::kShut || entry.uses == 0);
}

bool HomeTable::There(Work work) const {
  if (work == Work::kNone) return false;
  if (work == Work::kAny && !dirty_.empty()) return true;
  return std::any_of(leaving_.begin(), leaving_.end(),
                     [this](const std::string& session_id)
                         ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return CanGo(entries_.at(session_id)); });
}

void HomeTable::Tell(Work work) {
  if (awaited_ < work) return;
  awaited_ = Work::kNone;
  bell_.Ring();
}

void HomeTable::AwaitWork(absl::Duration patience, Work work) {
  const absl::Time end = SteadyNow() + patience;
  while (true) {
    const absl::Duration left = end - SteadyNow();
    {
      const absl::MutexLock lock(&mutex_);
      awaited_ = Work::kNone;
      if (std::exchange(woken_, false) || There(work) || left <= absl::ZeroDuration()) return;
      awaited_ = work;
    }
    bell_.Await(std::min(left, kLongestWait));
  }
}

void HomeTable::Wake() {
  const absl::MutexLock lock(&mutex_);
  woken_ = true;
  bell_.Ring();
}

}  // namespace authstate::storage
