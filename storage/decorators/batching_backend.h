#ifndef AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_
#define AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_

#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/batches/batch_limits.h"
#include "storage/counts/call_counts.h"
#include "storage/deadline_timer.h"

namespace authstate::storage {

struct BatchingOptions {
  BatchLimits limits;
  // The bytes that the reads of one batch may be answered with: a statement of reads is the dearer the more it looks
  // up.
  std::size_t read_bytes = std::size_t{32} << 20;
  // A lone read is first asked for with no more than this for its answer, so that many fit a batch; one that needs more
  // is asked again with what it may have.
  std::size_t read_share = std::size_t{512} << 10;
  // Members from which a call is a batch already, and how long a call waits for others (GatheringLimits).
  std::size_t large_call = 100;
  absl::Duration hold = absl::Milliseconds(100);
  // Ends calls on time; null: one of its own does.
  std::shared_ptr<DeadlineTimer> timer;
  // Where it is counted what waits; null: nowhere.
  std::shared_ptr<CallCounts> counts;
};

// Over a store with a dear round trip: the commits and reads of many callers, gathered while the batches before them
// are under way, reach `inner` as a few calls (gatherer.h). A lone call goes at once, and so does one that is a large
// batch already. Everything else passes through, leases too, which come in few calls.
//
// A batch has at most one call that commits to a session; the next one goes when that one is answered. What is wrong
// with a member is up to `inner` to keep from the others: storage/backend.h.
std::unique_ptr<Backend> NewBatchingBackend(std::unique_ptr<Backend> inner, const BatchingOptions& options = {});

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_
