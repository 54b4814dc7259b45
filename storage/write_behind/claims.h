#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/far_link.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/write_behind.h"

namespace authstate::storage {

// Brings sessions home: writes down here whose lease it takes, takes that in the far store, then the session's content,
// if the copy here is not of the same revision, and last makes it a home. Thread-safe.
class Claims {
 public:
  // All outlive it. `owner`: as homes of the near store are named in the far one.
  Claims(NearStore* near, const FarLink* far, HomeTable* table, std::string owner, const StepDeadline* steps,
         const WriteBehindOptions& options);
  // Answers what is queued: not at home.
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  // Claims a session whose claim has begun in the table, for a request about its lease that is to take place at home,
  // unless `deadline` has passed before its turn. `moved` becomes true where the session does not come, and its lease
  // has changed all the same, or may have.
  void Claim(LeaseRequest request, absl::Time deadline, std::shared_ptr<std::atomic<bool>> moved);

  // Blocks. Of a session that is not in use here, and which the far store takes to be at home here under `fence`: gives
  // it back to whom it was taken from.
  absl::Status GiveBack(Backend& far, const std::string& session_id, std::uint64_t fence);

  const std::string& owner() const { return owner_; }

  // Whether a claim was in doubt since the last time.
  bool TakeDoubt() { return doubt_.exchange(false); }

 private:
  struct Queued {
    LeaseRequest request;
    absl::Time deadline;
    std::shared_ptr<std::atomic<bool>> moved;
  };
  // A lease that goes on in the near store, with the highest number applied under it.
  struct Origin {
    Lease lease;
    std::uint64_t applied_number = 0;
  };
  struct Taken {
    LeaseResult home;
    Origin origin;
  };

  void Run();
  // Whether it is at home.
  bool Bring(Backend& far, const LeaseRequest& request, Lease* lease, std::atomic<bool>* moved);
  absl::StatusOr<Taken> Take(Backend& far, const LeaseRequest& request, std::atomic<bool>* moved);
  // From whom the home under `fence`, which was not served since, was taken; written down from now on, so that it is
  // not served after a restart either.
  absl::StatusOr<Origin> OriginOf(const std::string& session_id, std::uint64_t fence);
  // A copy stays that is as the far store has the session; null: none.
  absl::Status Note(const std::string& session_id, const Origin& origin, std::uint64_t far_fence,
                    const LeaseResult* copy_of);
  absl::Status Arrive(Backend& far, const std::string& session_id, const Taken& taken);
  // Makes the copy, and `arrive` one with that.
  absl::Status Fill(Backend& far, const Taken& taken, HomeChange* arrive);
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !queue_.empty(); }

  NearStore& near_;
  const FarLink& far_;
  HomeTable& table_;
  const StepDeadline& steps_;
  const std::string owner_;
  const std::string owner_prefix_;
  std::atomic<bool> doubt_ = false;
  absl::Mutex mutex_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_CLAIMS_H_
