#ifndef AUTHSTATE_STORAGE_BATCHES_BATCH_LIMITS_H_
#define AUTHSTATE_STORAGE_BATCHES_BATCH_LIMITS_H_

#include <cstddef>

namespace authstate::storage {

// How much goes to a store as one call, and how many calls are at work at a time. A server has one set, made in
// server/app.cc: by it the pipe gathers for each of its streams, and the batching backend for everybody. The driver
// makes a statement of a call, whatever its size.
struct BatchLimits {
  // Calls under way of one kind (commits, reads, leases). What comes meanwhile gathers for the next call.
  int calls = 4;
  // A call of commits closes at so many, or fewer that have `bytes`; a single larger one has a call of its own. So few,
  // because a call becomes one statement, which one processor of the database works on: two of them side by side are
  // done in half the time, where what a statement costs by itself is a small part of so many commits.
  std::size_t commits = 64;
  std::size_t bytes = std::size_t{1} << 20;
  std::size_t reads = 128;
  std::size_t leases = 1'000;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_BATCHES_BATCH_LIMITS_H_
