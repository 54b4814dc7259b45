#ifndef AUTHSTATE_TESTS_UNIT_SERVER_HELD_BACKEND_H_
#define AUTHSTATE_TESTS_UNIT_SERVER_HELD_BACKEND_H_

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::server {

// A memory backend that notes the size of every call, and holds the calls of a kind back while told to. Not
// thread-safe.
class HeldBackend final : public storage::ForwardingBackend {
 public:
  HeldBackend() : ForwardingBackend(storage::NewMemoryBackend()) {}

  // Calls of one kind.
  struct Calls {
    bool hold = false;
    // Members of each call, in order.
    std::vector<std::size_t> sizes;
    std::deque<absl::AnyInvocable<void() &&>> held;

    // Does the oldest held call.
    void ReleaseOne() {
      auto call = std::move(held.front());
      held.pop_front();
      std::move(call)();
    }
    // Stops holding, and does what is held.
    void Release() {
      hold = false;
      while (!held.empty()) ReleaseOne();
    }
  };

  // Commits of calls that do not wait for locks fail for these sessions; so do leases.
  std::set<std::string> locked;
  // Reads of these sessions fail.
  std::map<std::string, absl::Status> failing_reads;

  Calls applies;
  Calls reads;
  Calls leases;

  storage::Backend& memory() { return inner(); }

  void Apply(std::vector<storage::Commit> commits, absl::Time deadline, ApplyDone done) override {
    applies.sizes.push_back(commits.size());
    Do(applies, [this, commits = std::move(commits), deadline, done = std::move(done)]() mutable {
      inner().Apply(Unlocked(commits), deadline, WithLocked(commits, std::move(done)));
    });
  }
  void Read(std::vector<storage::ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    reads.sizes.push_back(requests.size());
    Do(reads, [this, requests = std::move(requests), deadline, done = std::move(done)]() mutable {
      std::vector<absl::Status> failures;
      for (const storage::ReadRequest& request : requests) failures.push_back(FailureOf(request.session_id));
      inner().Read(std::move(requests), deadline,
                   [failures = std::move(failures), done = std::move(done)](auto results) mutable {
                     for (std::size_t i = 0; i < failures.size(); ++i) {
                       if (!failures[i].ok()) results[i] = failures[i];
                     }
                     std::move(done)(std::move(results));
                   });
    });
  }
  void Leases(std::vector<storage::LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    leases.sizes.push_back(requests.size());
    Do(leases, [this, requests = std::move(requests), deadline, done = std::move(done)]() mutable {
      inner().Leases(Unlocked(requests), deadline, WithLocked(requests, std::move(done)));
    });
  }

 private:
  absl::Status FailureOf(const std::string& session_id) const {
    const auto found = failing_reads.find(session_id);
    return found == failing_reads.end() ? absl::OkStatus() : found->second;
  }
  template <typename Request>
  bool IsLocked(const Request& request) const {
    return !request.wait_for_lock && locked.count(request.session_id) > 0;
  }
  template <typename Request>
  std::vector<Request> Unlocked(const std::vector<Request>& requests) const {
    std::vector<Request> unlocked;
    for (const Request& request : requests) {
      if (!IsLocked(request)) unlocked.push_back(request);
    }
    return unlocked;
  }
  // Adds the results of those that are locked.
  template <typename Request, typename Done>
  Done WithLocked(const std::vector<Request>& requests, Done done) const {
    std::vector<bool> is_locked;
    is_locked.reserve(requests.size());
    for (const Request& request : requests) is_locked.push_back(IsLocked(request));
    return [is_locked = std::move(is_locked), done = std::move(done)](auto results) mutable {
      for (std::size_t i = 0; i < is_locked.size(); ++i) {
        const auto place = results.begin() + static_cast<std::ptrdiff_t>(i);
        if (is_locked[i]) results.insert(place, storage::SessionLocked());
      }
      std::move(done)(std::move(results));
    };
  }

  static void Do(Calls& calls, absl::AnyInvocable<void() &&> call) {
    if (calls.hold) {
      calls.held.push_back(std::move(call));
    } else {
      std::move(call)();
    }
  }
};

}  // namespace authstate::server

#endif  // AUTHSTATE_TESTS_UNIT_SERVER_HELD_BACKEND_H_
