#ifndef AUTHSTATE_STORAGE_BATCHES_BATCH_ROOM_H_
#define AUTHSTATE_STORAGE_BATCHES_BATCH_ROOM_H_

#include <cstddef>

#include "storage/backend.h"

namespace authstate::storage {

// What a commit moves: its creds, and the ByteSize of its keys.
std::size_t ByteSize(const Commit& commit);

// What still fits one call to a backend that is being put together. Not thread-safe.
class BatchRoom {
 public:
  BatchRoom(std::size_t members, std::size_t bytes) : members_(members), bytes_(bytes) {}

  // Takes room for `members` that have `bytes` together, all or nothing; whatever comes first fits.
  bool Take(std::size_t members, std::size_t bytes) {
    const bool fits = empty_ || (members <= members_ && bytes <= bytes_);
    if (!fits) return false;
    empty_ = false;
    members_ -= members < members_ ? members : members_;
    bytes_ -= bytes < bytes_ ? bytes : bytes_;
    return true;
  }

 private:
  std::size_t members_;
  std::size_t bytes_;
  bool empty_ = true;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_BATCHES_BATCH_ROOM_H_
