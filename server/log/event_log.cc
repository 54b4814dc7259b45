#include "server/log/event_log.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/log/lease_events.h"
#include "server/log/line_limit.h"
#include "storage/forwarding_backend.h"

namespace authstate::server {
namespace {

constexpr int kLinesPerSecond = 100;

// A commit that takes state away, with its place in the call.
struct Removal {
  std::size_t place = 0;
  std::string session_id;
  std::uint64_t fence = 0;
  Event event;
};

std::optional<Event> RemovalBy(const storage::Commit& commit) {
  switch (commit.action) {
    case storage::Commit::Action::kDeleteSession:
      return Event{"session deleted", {}};
    case storage::Commit::Action::kDeleteCreds:
      return Event{"creds deleted", {}};
    case storage::Commit::Action::kWrite:
    case storage::Commit::Action::kWriteWithoutCreds:
      break;
  }
  if (!commit.clear_keys) return std::nullopt;
  return Event{"all keys replaced",
               {{"keys", absl::StrCat(commit.sets.size())}, {"creds", commit.creds.has_value() ? "replaced" : "kept"}}};
}

std::vector<Removal> RemovalsOf(const std::vector<storage::Commit>& commits) {
  std::vector<Removal> removals;
  for (std::size_t i = 0; i < commits.size(); ++i) {
    if (auto event = RemovalBy(commits[i])) {
      removals.push_back({i, commits[i].session_id, commits[i].fence, *std::move(event)});
    }
  }
  return removals;
}

// What answers need once they are there. Lines are written with no lock held.
class Lines {
 public:
  Lines(std::shared_ptr<LeaseCounts> counts, WriteLine write)
      : counts_(std::move(counts)), write_(std::move(write)), leases_(counts_.get()) {}

  void Add(const std::vector<storage::LeaseRequest>& requests,
           const std::vector<absl::StatusOr<storage::LeaseResult>>& results) {
    std::vector<Event> events;
    {
      const absl::MutexLock lock(&mutex_);
      for (std::size_t i = 0; i < requests.size(); ++i) {
        if (auto event = leases_.Of(requests[i], results[i])) Take(*std::move(event), &events);
      }
    }
    Write(events);
  }

  void Add(std::vector<Removal> removals, const std::vector<absl::StatusOr<storage::Applied>>& results) {
    std::vector<Event> events;
    {
      const absl::MutexLock lock(&mutex_);
      for (Removal& removal : removals) {
        const auto& result = results[removal.place];
        if (!result.ok()) continue;
        LogFields& fields = removal.event.fields;
        const std::string owner = leases_.OwnerOf(removal.session_id, removal.fence);
        if (!owner.empty()) fields.insert(fields.begin(), {"owner", owner});
        fields.emplace_back("revision", absl::StrCat(result->revision));
        fields.insert(fields.begin(), {"session_id", std::move(removal.session_id)});
        Take(std::move(removal.event), &events);
      }
    }
    Write(events);
  }

  void Add(Event event) {
    std::vector<Event> events;
    {
      const absl::MutexLock lock(&mutex_);
      Take(std::move(event), &events);
    }
    Write(events);
  }

 private:
  // Puts it among `events` if it gets a line.
  void Take(Event event, std::vector<Event>* events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    LineLimit& limit = limits_.try_emplace(event.message, kLinesPerSecond).first->second;
    const std::optional<std::uint64_t> unlogged = limit.Take(absl::Now());
    if (!unlogged.has_value()) return;
    if (*unlogged > 0) event.fields.emplace_back("more_unlogged", absl::StrCat(*unlogged));
    events->push_back(std::move(event));
  }

  void Write(const std::vector<Event>& events) const {
    for (const Event& event : events) write_(LogLevel::kInfo, event.message, event.fields);
  }

  const std::shared_ptr<LeaseCounts> counts_;
  const WriteLine write_;
  absl::Mutex mutex_;
  LeaseEvents leases_ ABSL_GUARDED_BY(mutex_);
  // One for each message, so that one that repeats leaves the others their room.
  absl::flat_hash_map<absl::string_view, LineLimit> limits_ ABSL_GUARDED_BY(mutex_);
};

class EventLog final : public storage::ForwardingBackend {
 public:
  EventLog(storage::Backend* inner, std::shared_ptr<LeaseCounts> counts, WriteLine write)
      : ForwardingBackend(inner), lines_(std::make_shared<Lines>(std::move(counts), std::move(write))) {}

  void Apply(std::vector<storage::Commit> commits, absl::Time deadline, ApplyDone done) override {
    std::vector<Removal> removals = RemovalsOf(commits);
    if (removals.empty()) return inner().Apply(std::move(commits), deadline, std::move(done));
    inner().Apply(std::move(commits), deadline,
                  [lines = lines_, removals = std::move(removals), done = std::move(done)](auto results) mutable {
                    lines->Add(std::move(removals), results);
                    std::move(done)(std::move(results));
                  });
  }

  void Leases(std::vector<storage::LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    std::vector<storage::LeaseRequest> asked = requests;
    inner().Leases(std::move(requests), deadline,
                   [lines = lines_, asked = std::move(asked), done = std::move(done)](auto results) mutable {
                     lines->Add(asked, results);
                     std::move(done)(std::move(results));
                   });
  }

  void PurgeExpired(storage::PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    if (request.dry_run) return inner().PurgeExpired(std::move(request), deadline, std::move(done));
    inner().PurgeExpired(std::move(request), deadline, [lines = lines_, done = std::move(done)](auto counts) mutable {
      if (counts.ok()) {
        Event event{"expired keys purged", {}};
        for (const auto& [type, count] : *counts) event.fields.emplace_back(type, absl::StrCat(count));
        lines->Add(std::move(event));
      }
      std::move(done)(std::move(counts));
    });
  }

 private:
  // The callbacks of calls under way share it.
  const std::shared_ptr<Lines> lines_;
};

}  // namespace

std::unique_ptr<storage::Backend> NewEventLog(storage::Backend* inner, std::shared_ptr<LeaseCounts> counts,
                                              WriteLine write) {
  return std::make_unique<EventLog>(inner, std::move(counts), std::move(write));
}

}  // namespace authstate::server
