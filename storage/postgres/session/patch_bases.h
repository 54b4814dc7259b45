#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_PATCH_BASES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_PATCH_BASES_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage/backend.h"

namespace authstate::storage {

// The packed values that this server has written whole and may patch (storage/postgres/layout/value_patch.h), within a
// number of bytes; those that were not asked for the longest go first. A guess: whether a base is still that of its key
// is checked by the statement that patches it.
//
// Thread-safe.
class PatchBases {
 public:
  // 0 bytes: it keeps nothing.
  explicit PatchBases(std::size_t capacity) : capacity_(capacity) {}

  // Null when there is none.
  std::shared_ptr<const std::string> Find(absl::string_view session_id, const KeyName& name);
  // In place of the one before. One that is larger than the capacity does not stay.
  void Put(absl::string_view session_id, const KeyName& name, std::string base);
  void Forget(absl::string_view session_id, const KeyName& name);

  // About how much memory it takes.
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const std::string> base;

    std::size_t bytes() const { return key.size() + base->size(); }
  };
  // The last one asked for stands first.
  using Entries = std::list<Entry>;

  void Erase(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t capacity_;
  mutable absl::Mutex mutex_;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  // Names are views of the keys in `entries_`.
  absl::flat_hash_map<absl::string_view, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_PATCH_BASES_H_
