#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_KEPT_MAINTENANCE_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_KEPT_MAINTENANCE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::storage {

// Keeps in the near store what the far store says of maintenance, for when that is away: the near store then tells it.
// Thread-safe.
class KeptMaintenance {
 public:
  // Writes to `near` only what is not what it wrote last; does not wait for that.
  void Keep(const std::optional<Maintenance>& maintenance, Backend& near, absl::Time deadline) {
    std::string text = maintenance.has_value() ? TextOf(*maintenance) : "";
    {
      const absl::MutexLock lock(&mutex_);
      if (kept_ == text) return;
      kept_ = std::move(text);
    }
    GrantRequest keep;
    keep.action =
        maintenance.has_value() ? GrantRequest::Action::kBeginMaintenance : GrantRequest::Action::kEndMaintenance;
    if (maintenance.has_value()) {
      keep.maintenance = *maintenance;
    } else {
      // Here leases have gone on, so all of them stay as they are.
      keep.maintenance.allowed = {{"", /*prefix=*/true}};
    }
    near.Grants(std::move(keep), deadline, [this](const absl::StatusOr<GrantResult>& kept) {
      const absl::MutexLock lock(&mutex_);
      if (!kept.ok()) kept_.reset();
    });
  }

 private:
  static std::string TextOf(const Maintenance& maintenance) {
    std::string text = absl::StrCat(absl::ToUnixMicros(maintenance.since), " ",
                                    absl::ToInt64Milliseconds(maintenance.hold), " ", maintenance.reason);
    for (const SessionScope& scope : maintenance.allowed) absl::StrAppend(&text, "\n", scope.id);
    return text;
  }

  absl::Mutex mutex_;
  // nullopt: not known.
  std::optional<std::string> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_KEPT_MAINTENANCE_H_
