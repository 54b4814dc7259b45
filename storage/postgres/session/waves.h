#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_WAVES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_WAVES_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/put_back.h"

namespace authstate::storage {

// Whether somebody waits for the lock of a session already.
using IsLocked = std::function<bool(const std::string& session_id)>;

// What one statement does for many sessions, at most one request of each: their places in the call, in the order of
// the sessions.
using Wave = std::vector<std::size_t>;

// The requests of one call that change sessions, and their results. They go in waves: each has the first pending
// request of every session. What has no result after its wave, as it lost a race, goes again with the next one, until
// the deadline.
//
// Where a lock is in the way of a wave, the wave is divided until the session that is locked stands alone. Its requests
// are tried until the deadline if they are all there are, and wait for locks; else they fail with SessionLocked, and so
// do those, from the beginning, of sessions that others wait for already.
//
// Not thread-safe: used by one thread after another.
template <typename Request, typename Result>
class Waves {
 public:
  using Results = std::vector<absl::StatusOr<Result>>;

  // Null `is_locked`: nobody knows.
  Waves(std::vector<Request> requests, absl::Time deadline, IsLocked is_locked)
      : requests_(std::move(requests)),
        deadline_(deadline),
        is_locked_(std::move(is_locked)),
        waits_(std::all_of(requests_.begin(), requests_.end(),
                           [this](const Request& request) {
                             return request.wait_for_lock && request.session_id == requests_.front().session_id;
                           })),
        results_(requests_.size()),
        held_(requests_.size()) {}

  std::size_t size() const { return requests_.size(); }
  // They stay where they are.
  Request& operator[](std::size_t place) { return requests_[place]; }
  const Request& operator[](std::size_t place) const { return requests_[place]; }

  // Whether it lacks a result, and is not held.
  bool Pending(std::size_t place) const { return !results_[place].has_value() && !held_[place]; }
  bool Pending(const Wave& wave) const {
    return std::any_of(wave.begin(), wave.end(), [this](std::size_t place) { return Pending(place); });
  }
  void Answer(std::size_t place, absl::StatusOr<Result> result) { results_[place] = std::move(result); }
  // Answers every pending request.
  void AnswerPending(const absl::Status& status) {
    for (std::size_t i = 0; i < size(); ++i) {
      if (Pending(i)) Answer(i, status);
    }
  }
  // Neither this request nor a later one of its session is sent until it is let go.
  void Hold(std::size_t place) { held_[place] = true; }
  void LetGo(std::size_t place) { held_[place] = false; }

  // The next statement's worth of pending requests: as many as `fits` takes, which is asked for each.
  template <typename Fits>
  Wave Next(Fits fits) {
    Wave wave;
    while (wave.empty() && !parts_.empty()) {
      std::copy_if(parts_.front().begin(), parts_.front().end(), std::back_inserter(wave),
                   [this](std::size_t place) { return Pending(place); });
      parts_.pop_front();
    }
    if (!wave.empty()) return wave;
    absl::flat_hash_set<absl::string_view> sessions;
    for (std::size_t i = 0; i < size(); ++i) {
      if (results_[i].has_value()) continue;
      // Also a session that has no room in this wave, or whose next request is held, is closed to its later ones.
      if (!sessions.insert(requests_[i].session_id).second || held_[i]) continue;
      if (fits(requests_[i])) wave.push_back(i);
    }
    std::sort(wave.begin(), wave.end(),
              [this](std::size_t a, std::size_t b) { return requests_[a].session_id < requests_[b].session_id; });
    return wave;
  }

  // Sends one wave after another until `next` makes an empty one; nullopt then. Before that it returns where a wave
  // gave way: what is left is to be sent by another call.
  template <typename MakeNext, typename Send>
  std::optional<PutBack> Run(MakeNext next, Send send) {
    if (!std::exchange(begun_, true)) RefuseLocked();
    for (Wave wave = next(); !wave.empty(); wave = next()) {
      if (absl::Now() >= deadline_) {
        AnswerPending(DeadlinePassedInQueue());
        break;
      }
      gave_way_ = false;
      send(wave);
      // Where others may go on, what is left comes after what waits meanwhile.
      if (gave_way_) return waits_ ? PutBack{} : PutBack{absl::ZeroDuration()};
    }
    return std::nullopt;
  }

  // A lock was in the way of the wave.
  void GiveWay(const Wave& wave) {
    gave_way_ = true;
    met_lock_ = true;
    if (wave.size() > 1) return Divide(wave);
    if (waits_) return;
    // Those that follow it as well: they must not come to be before it.
    for (std::size_t i = wave.front(); i < size(); ++i) {
      if (Pending(i) && requests_[i].session_id == requests_[wave.front()].session_id) Answer(i, SessionLocked());
    }
  }
  // Whether the last wave of Run did so.
  bool gave_way() const { return gave_way_; }

  // A lock was in the way of another statement for the call.
  void MetLock() { met_lock_ = true; }
  // How long the next statement may wait for one.
  absl::Duration lock_patience() const { return LockPatience(met_lock_); }

  // Result i is that of request i, `status` where it has none. None is held.
  Results Finish(const absl::Status& status) {
    AnswerPending(status);
    Results results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  void RefuseLocked() {
    if (waits_ || is_locked_ == nullptr) return;
    for (std::size_t i = 0; i < size(); ++i) {
      if (Pending(i) && is_locked_(requests_[i].session_id)) Answer(i, SessionLocked());
    }
  }

  // By eights, so that few tries find one locked session among many, and also many of them.
  void Divide(const Wave& wave) {
    constexpr std::size_t kParts = 8;
    const std::size_t part = (wave.size() + kParts - 1) / kParts;
    for (auto begin = wave.begin(); begin != wave.end();) {
      const auto left = static_cast<std::size_t>(wave.end() - begin);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::min(part, left));
      parts_.emplace_back(begin, end);
      begin = end;
    }
  }

  std::vector<Request> requests_;
  const absl::Time deadline_;
  const IsLocked is_locked_;
  // All requests are of one session, so the wave may wait for its lock.
  const bool waits_;
  std::vector<std::optional<absl::StatusOr<Result>>> results_;
  std::vector<bool> held_;
  bool begun_ = false;
  // What became of waves that met a lock.
  std::deque<Wave> parts_;
  bool gave_way_ = false;
  bool met_lock_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_WAVES_H_
