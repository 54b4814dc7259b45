#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/far_link.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// What is known of the copies of sessions that were at home. Thread-safe.
class Copies {
 public:
  struct Copy {
    // With which the far store got it back.
    std::uint64_t far_fence = 0;
    std::uint64_t revision = 0;
  };
  void Put(const std::string& session_id, Copy copy) {
    const absl::MutexLock lock(&mutex_);
    copies_[session_id] = copy;
  }
  std::optional<Copy> Take(const std::string& session_id) {
    const absl::MutexLock lock(&mutex_);
    const auto found = copies_.find(session_id);
    if (found == copies_.end()) return std::nullopt;
    const Copy copy = found->second;
    copies_.erase(found);
    return copy;
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Copy> copies_ ABSL_GUARDED_BY(mutex_);
};

// Brings sessions home: takes the lease of the far store, then the session's content, if the copy here is not of the
// same revision, and last makes it a home. Thread-safe.
class Claims {
 public:
  // All outlive it. `owner`: as homes of the near store are named in the far one.
  Claims(NearStore* near, const FarLink* far, HomeTable* table, Copies* copies, std::string owner,
         const WriteBehindOptions& options);
  // Answers what is queued: not at home.
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  // Of a session whose claim has begun in the table, for a request about its lease that is to take place at home.
  void Claim(LeaseRequest request);

  const std::string& owner() const { return owner_; }

  // Whether a claim was in doubt since the last time.
  bool TakeDoubt() { return doubt_.exchange(false); }

 private:
  // What the session has been in the far store.
  struct Taken {
    LeaseResult home;
    // Which goes on in the near store, and what was applied under it.
    Lease lease;
    std::uint64_t applied_number = 0;
  };

  void Run();
  absl::StatusOr<Taken> Take(Backend& far, const LeaseRequest& request);
  // `arriving`: whether it may be a home, also where this fails.
  absl::Status Bring(Backend& far, const std::string& session_id, const Taken& taken, bool* arriving);
  absl::Status Fill(Backend& far, const std::string& session_id, std::uint64_t* revision,
                    std::optional<RecentCommits>* recent);
  void GiveBack(Backend& far, const std::string& session_id, const Taken& taken, bool arriving);
  absl::Time Soon() const;
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !queue_.empty(); }

  NearStore& near_;
  const FarLink& far_;
  HomeTable& table_;
  Copies& copies_;
  const std::string owner_;
  const std::string owner_prefix_;
  const absl::Duration step_timeout_;
  std::atomic<bool> doubt_ = false;
  absl::Mutex mutex_;
  std::deque<LeaseRequest> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_
