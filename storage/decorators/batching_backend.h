#ifndef AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_
#define AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_

#include <memory>

#include "storage/backend.h"
#include "storage/decorators/gatherer.h"

namespace authstate::storage {

struct BatchingOptions {
  GatheringLimits commits;
  // Bytes are those that the requests may be answered with; a statement of reads is the dearer the more it looks up.
  GatheringLimits reads = {4, 128, std::size_t{32} << 20, 100, absl::Milliseconds(100)};
  // A lone read is first asked for with no more than this for its answer, so that many fit a batch; one that needs more
  // is asked again with what it may have.
  std::size_t read_share = std::size_t{512} << 10;
};

// Over a store with a dear round trip: the commits and reads of many callers, gathered while the batches before them
// are under way, reach `inner` as a few calls (gatherer.h). A lone call goes at once, and so does one that is a large
// batch already. Everything else passes through, leases too: they are few, and one that waits for a lock may hold up
// none.
//
// A batch has at most one call that commits to a session; the next one goes when that one is answered. What is wrong
// with a member is up to `inner` to keep from the others: storage/backend.h.
std::unique_ptr<Backend> NewBatchingBackend(std::unique_ptr<Backend> inner, const BatchingOptions& options = {});

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_BATCHING_BACKEND_H_
