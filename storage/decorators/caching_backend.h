#ifndef AUTHSTATE_STORAGE_DECORATORS_CACHING_BACKEND_H_
#define AUTHSTATE_STORAGE_DECORATORS_CACHING_BACKEND_H_

#include <cstddef>
#include <memory>

#include "storage/backend.h"
#include "storage/counts/call_counts.h"

namespace authstate::storage {

// Answers reads from memory where it can: what it knows was read from `inner`, or acknowledged by it, since the last
// change of the session that did not pass acknowledged. At most about `bytes` of it, whole sessions going as they were
// not asked for. That a key is absent is known as well.
//
// Only over a store that nobody else can write, and whose keys do not expire by themselves: every commit and every
// change of a lease passes through here.
//
//   - While a commit of a session is under way, nothing is known of the session. Once it is acknowledged as the next
//     revision, and nothing else of the session began or ended beside it, what was known is known again, with what the
//     commit changed. Else, and so after any failure, the session is forgotten; after one in doubt, which might be
//     applied even later, for as long as this backend lives.
//   - A read fills in what it found only when no commit and no change of a lease began or ended beside it.
//   - A read that names a fence is answered from here only when the store has acknowledged that fence and no change of
//     a lease, nor a commit that names no fence, began since. No passing of time changes a fence: storage/lease.h.
//
// Snapshots and lists go to `inner`. `counts` is told what became of reads; null: nobody is.
std::unique_ptr<Backend> NewCachingBackend(std::unique_ptr<Backend> inner, std::size_t bytes,
                                           std::shared_ptr<CallCounts> counts = nullptr);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_CACHING_BACKEND_H_
