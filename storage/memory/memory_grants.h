#ifndef AUTHSTATE_STORAGE_MEMORY_MEMORY_GRANTS_H_
#define AUTHSTATE_STORAGE_MEMORY_MEMORY_GRANTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/grant.h"
#include "storage/grants/maintenance_terms.h"

namespace authstate::storage {

// The grants of a store that ends with the process. Thread-safe.
class MemoryGrants {
 public:
  absl::StatusOr<GrantResult> Do(const GrantRequest& request, absl::Time now);
  std::optional<MaintenanceTerms> maintenance() const;

 private:
  void List(std::uint64_t known_version, GrantResult* result) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUses(const GrantRequest& request, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Change(const GrantRequest& request, GrantResult* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::optional<MaintenanceTerms> maintenance_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Grant> grants_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MEMORY_MEMORY_GRANTS_H_
