// What is not flushed of the sessions in the table, and what may be added to it.
#include <algorithm>
#include <utility>

#include "storage/write_behind/home_table.h"

namespace authstate::storage {
namespace {

// What a session may have that could not be flushed for what it is: a part of what all may have together.
constexpr std::uint64_t kPartOfOneApart = 16;

}  // namespace

bool HomeTable::Full(const Entry& entry) const {
  const bool no_room = entry.apart ? entry.bytes >= max_bytes_ / kPartOfOneApart : bytes_ >= max_bytes_;
  return no_room || SteadyNow() - entry.dirty_since >= max_age_;
}

void HomeTable::MarkDirty(const std::string& session_id, Entry* entry) {
  entry->dirty = true;
  if (entry->put_off || std::exchange(entry->queued, true)) return;
  // Who is shut out waits for that.
  if (entry->phase == Entry::Phase::kShut) {
    dirty_.push_front(session_id);
  } else {
    dirty_.push_back(session_id);
  }
  Tell(Work::kAny);
}

void HomeTable::SetBytes(std::uint64_t bytes, bool apart, Entry* entry) {
  if (!entry->apart) bytes_ -= entry->bytes;
  entry->bytes = bytes;
  entry->apart = apart;
  if (!entry->apart) bytes_ += entry->bytes;
}

void HomeTable::EndCommit(const std::string& session_id, std::uint64_t bytes, std::uint64_t commits) {
  const absl::MutexLock lock(&mutex_);
  Entry& entry = Ended(session_id);
  entry.commits += commits;
  SetBytes(entry.bytes + bytes, entry.apart, &entry);
  entry.dirty_since = std::min(entry.dirty_since, SteadyNow());
  MarkDirty(session_id, &entry);
}

std::vector<std::string> HomeTable::TakeDirty(std::size_t limit) {
  std::vector<std::string> taken;
  const absl::MutexLock lock(&mutex_);
  for (; !dirty_.empty() && taken.size() < limit; dirty_.pop_front()) {
    const auto found = entries_.find(dirty_.front());
    if (found == entries_.end() || !std::exchange(found->second.queued, false)) continue;
    Entry& entry = found->second;
    entry.dirty = false;
    entry.flushing_bytes = entry.bytes;
    entry.flushing_commits = entry.commits;
    taken.push_back(std::move(dirty_.front()));
  }
  return taken;
}

void HomeTable::Flushed(const std::string& session_id, bool ok) {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (ok) {
    SetBytes(entry.bytes - entry.flushing_bytes, /*apart=*/false, &entry);
    entry.commits -= entry.flushing_commits;
    entry.dirty_since = entry.dirty ? SteadyNow() : absl::InfiniteFuture();
  } else {
    MarkDirty(session_id, &entry);
  }
  entry.flushing_bytes = 0;
  entry.flushing_commits = 0;
}

void HomeTable::PutOff(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  SetBytes(entry.bytes, /*apart=*/true, &entry);
  entry.put_off = true;
  entry.flushing_bytes = 0;
  entry.flushing_commits = 0;
  entry.queued = false;
}

void HomeTable::TryAgain(const std::string& session_id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(session_id);
  if (found == entries_.end()) return;
  found->second.put_off = false;
  MarkDirty(session_id, &found->second);
}

void HomeTable::LetWaitingGoOn() {
  std::deque<Held> waiting;
  {
    const absl::MutexLock lock(&mutex_);
    if (bytes_ < max_bytes_) waiting.swap(waiting_);
  }
  for (Held& held : waiting) std::move(held.resume)(absl::OkStatus());
}

HomeTable::State HomeTable::Now() const {
  State state;
  const absl::MutexLock lock(&mutex_);
  state.sessions = entries_.size();
  for (const auto& entry : entries_) {
    state.bytes += entry.second.bytes;
    state.oldest = std::min(state.oldest, entry.second.dirty_since);
    state.commits += entry.second.commits;
    if (entry.second.dirty_since != absl::InfiniteFuture()) ++state.dirty_sessions;
  }
  return state;
}

}  // namespace authstate::storage
