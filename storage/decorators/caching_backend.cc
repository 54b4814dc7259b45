#include "storage/decorators/caching_backend.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "storage/decorators/session_activity.h"
#include "storage/decorators/session_cache.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"

namespace authstate::storage {
namespace {

// Whether what was asked for may still be done after this answer. Such a change never ends here.
bool InDoubt(const absl::Status& status) { return !status.ok() && OutcomeOf(status) != Outcome::kNotApplied; }

class CachingBackend final : public ForwardingBackend {
 public:
  CachingBackend(std::unique_ptr<Backend> inner, std::size_t bytes, std::shared_ptr<CallCounts> counts)
      : ForwardingBackend(std::move(inner)), counts_(std::move(counts)), cache_(bytes) {}
  // Before the cache: it answers what is under way.
  ~CachingBackend() override { EndInner(); }
  CachingBackend(const CachingBackend&) = delete;
  CachingBackend& operator=(const CachingBackend&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    std::vector<Change> changes = BeginChanges(commits);
    inner().Apply(std::move(commits), deadline,
                  [this, changes = std::move(changes),
                   done = std::move(done)](std::vector<absl::StatusOr<Applied>> results) mutable {
                    EndChanges(std::move(changes), results);
                    std::move(done)(std::move(results));
                  });
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    if (deadline <= absl::Now()) {
      return std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), DeadlinePassedInQueue()));
    }
    Reading reading = BeginReading(std::move(requests));
    if (reading.misses.empty()) return std::move(done)(std::move(reading.results));
    std::vector<ReadRequest> asked = reading.misses;
    inner().Read(std::move(asked), deadline,
                 [this, reading = std::move(reading),
                  done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
                   EndReading(&reading, std::move(results));
                   std::move(done)(std::move(reading.results));
                 });
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    std::vector<LeaseChange> changes = BeginLeaseChanges(requests);
    inner().Leases(std::move(requests), deadline,
                   [this, changes = std::move(changes),
                    done = std::move(done)](std::vector<absl::StatusOr<LeaseResult>> results) mutable {
                     EndLeaseChanges(changes, results);
                     std::move(done)(std::move(results));
                   });
  }

 private:
  // A commit under way.
  struct Change {
    std::string session_id;
    SessionActivity::Ticket ticket;
    // What was known of the session before, and the part of the commit that concerns it.
    std::optional<CachedSession> known;
    Commit part;
  };
  struct LeaseChange {
    // Its place in the call.
    std::size_t place = 0;
    std::string session_id;
    SessionActivity::Ticket ticket;
  };
  // A call of reads under way.
  struct Reading {
    std::vector<absl::StatusOr<ReadResult>> results;
    // Those that the store is asked, their places in `results`, and their tickets.
    std::vector<ReadRequest> misses;
    std::vector<std::size_t> places;
    std::vector<SessionActivity::Ticket> tickets;
  };

  // What is taken out of the cache belongs to its change alone: values are copied before and after the lock is held.
  std::vector<Change> BeginChanges(const std::vector<Commit>& commits) {
    std::vector<Change> changes(commits.size());
    {
      const absl::MutexLock lock(&mutex_);
      for (std::size_t i = 0; i < commits.size(); ++i) {
        changes[i].session_id = commits[i].session_id;
        changes[i].ticket = activity_.BeginChange(changes[i].session_id);
        changes[i].known = cache_.TakeOut(changes[i].session_id);
      }
    }
    for (std::size_t i = 0; i < commits.size(); ++i) {
      if (changes[i].known.has_value()) changes[i].part = changes[i].known->PartOf(commits[i]);
    }
    return changes;
  }

  void EndChanges(std::vector<Change> changes, const std::vector<absl::StatusOr<Applied>>& results) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      Change& change = changes[i];
      if (!change.known.has_value()) continue;
      // One that had been applied before is answered with a revision that is not the next one.
      if (results[i].ok() && results[i]->revision == change.known->revision() + 1) {
        change.known->Follow(std::move(change.part));
      } else {
        change.known.reset();
      }
    }
    const absl::MutexLock lock(&mutex_);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      Change& change = changes[i];
      if (InDoubt(results[i].status())) continue;
      const bool alone = activity_.EndChange(change.session_id, change.ticket);
      if (alone && change.known.has_value()) cache_.Put(change.session_id, *std::move(change.known));
    }
    CountBytes();
  }

  Reading BeginReading(std::vector<ReadRequest> requests) {
    Reading reading;
    reading.results.resize(requests.size());
    std::vector<std::optional<absl::StatusOr<SharedResult>>> known;
    known.reserve(requests.size());
    {
      const absl::MutexLock lock(&mutex_);
      for (std::size_t i = 0; i < requests.size(); ++i) {
        known.push_back(cache_.Answer(requests[i]));
        if (known.back().has_value()) continue;
        reading.places.push_back(i);
        reading.tickets.push_back(activity_.BeginRead(requests[i].session_id));
        reading.misses.push_back(std::move(requests[i]));
      }
    }
    CountReads(known.size() - reading.misses.size(), reading.misses.size());
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (!known[i].has_value()) continue;
      reading.results[i] = known[i]->ok() ? (*known[i])->Copy() : absl::StatusOr<ReadResult>(known[i]->status());
    }
    return reading;
  }

  void EndReading(Reading* reading, std::vector<absl::StatusOr<ReadResult>> results) {
    std::vector<std::optional<SharedResult>> found(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok()) found[i].emplace(*results[i]);
    }
    {
      const absl::MutexLock lock(&mutex_);
      for (std::size_t i = 0; i < results.size(); ++i) {
        const ReadRequest& request = reading->misses[i];
        const bool alone = activity_.EndRead(request.session_id, reading->tickets[i]);
        if (alone && found[i].has_value()) cache_.Learn(request, *found[i]);
      }
      CountBytes();
    }
    for (std::size_t i = 0; i < results.size(); ++i) reading->results[reading->places[i]] = std::move(results[i]);
  }

  std::vector<LeaseChange> BeginLeaseChanges(const std::vector<LeaseRequest>& requests) {
    std::vector<LeaseChange> changes;
    const absl::MutexLock lock(&mutex_);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].action == LeaseRequest::Action::kGet) continue;
      const std::string& session_id = requests[i].session_id;
      changes.push_back({i, session_id, activity_.BeginChange(session_id)});
      cache_.ForgetFence(session_id);
    }
    return changes;
  }

  void EndLeaseChanges(const std::vector<LeaseChange>& changes,
                       const std::vector<absl::StatusOr<LeaseResult>>& results) {
    const absl::MutexLock lock(&mutex_);
    for (const LeaseChange& change : changes) {
      if (InDoubt(results[change.place].status())) continue;
      (void)activity_.EndChange(change.session_id, change.ticket);
    }
  }

  void CountReads(std::size_t hits, std::size_t misses) const {
    if (counts_ == nullptr) return;
    // Most reads are of one session: a counter that stays as it is need not be touched.
    if (hits > 0) counts_->cache_hits.fetch_add(hits, std::memory_order_relaxed);
    if (misses > 0) counts_->cache_misses.fetch_add(misses, std::memory_order_relaxed);
  }
  void CountBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (counts_ != nullptr) counts_->cache_bytes.store(cache_.bytes(), std::memory_order_relaxed);
  }

  const std::shared_ptr<CallCounts> counts_;
  absl::Mutex mutex_;
  SessionCache cache_ ABSL_GUARDED_BY(mutex_);
  SessionActivity activity_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Backend> NewCachingBackend(std::unique_ptr<Backend> inner, std::size_t bytes,
                                           std::shared_ptr<CallCounts> counts) {
  return std::make_unique<CachingBackend>(std::move(inner), bytes, std::move(counts));
}

}  // namespace authstate::storage
