#ifndef AUTHSTATE_STORAGE_DECORATORS_KNOWN_MAINTENANCE_H_
#define AUTHSTATE_STORAGE_DECORATORS_KNOWN_MAINTENANCE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/grant.h"

namespace authstate::storage {

using MaintenancePtr = std::shared_ptr<const Maintenance>;

// A clock that nobody sets, and that goes on while the machine sleeps.
absl::Duration UptimeWithSleep();

// What a store has said of maintenance, and until when that counts: for `trust`, from when it was asked. Not
// thread-safe, but for Now and trusted.
class KnownMaintenance {
 public:
  KnownMaintenance(absl::Duration trust, std::function<absl::Duration()> uptime)
      : trust_(trust), uptime_(std::move(uptime)) {}

  absl::Duration Now() const { return uptime_(); }
  bool trusted() const { return uptime_() < absl::Nanoseconds(trusted_until_ns_.load()); }

  // Null: there is none. Before the first answer it is not known, and not trusted.
  const MaintenancePtr& present() const { return present_; }
  // Which store has said so; empty: not known.
  const std::string& store() const { return store_; }

  // Takes what `store` said when it was asked at `asked_at`; tells whether that is other terms.
  bool Learn(const std::string& store, absl::Duration asked_at, const std::optional<Maintenance>& told);
  // What it says was begun here: it has to settle, though it says nothing new.
  void SettleAnew();

  // How long until whoever may not have heard of what there is has ceased to write; zero without maintenance.
  absl::Duration SettleTime() const;

 private:
  const absl::Duration trust_;
  const std::function<absl::Duration()> uptime_;
  std::atomic<std::int64_t> trusted_until_ns_ = 0;
  MaintenancePtr present_;
  std::string store_;
  absl::Duration settled_at_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_KNOWN_MAINTENANCE_H_
