#ifndef AUTHSTATE_STORAGE_DECORATORS_HELD_WRITES_H_
#define AUTHSTATE_STORAGE_DECORATORS_HELD_WRITES_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/decorators/known_maintenance.h"

namespace authstate::storage {

// A write at a MaintenanceGate, from when it came until it is let in or refused, one of which happens once.
struct GatedWrite : std::enable_shared_from_this<GatedWrite> {
  absl::Time deadline;
  // What of it is kept in memory while it waits.
  std::size_t bytes = 0;
  // Whether it may wait for the end of maintenance, as no other waits behind it.
  bool waits = true;
  // Until when it does, once that is known.
  std::optional<absl::Time> held_until;
  absl::AnyInvocable<void()> let_in;
  absl::AnyInvocable<void(absl::Status)> refuse;
  // What is done of it in maintenance, in place of holding or refusing it. Null: nothing.
  absl::AnyInvocable<void(const MaintenancePtr&)> during;
};
using GatedWritePtr = std::shared_ptr<GatedWrite>;

// Writes that wait, and until when each does. Not thread-safe.
class HeldWrites {
 public:
  struct Limits {
    // All of them go on at once when maintenance ends, so they are fewer than a database's queue has room for.
    std::size_t writes = 1'000;
    std::size_t bytes = 64U << 20U;
  };
  enum class For : std::uint8_t { kItsEnd, kToHear };
  struct Held {
    GatedWritePtr write;
    For what = For::kItsEnd;
  };

  explicit HeldWrites(Limits limits) : limits_(limits) {}

  // Whether there was room for it.
  bool Add(absl::Time until, Held held);
  std::vector<GatedWritePtr> TakeAll();
  std::vector<GatedWritePtr> Take(For what);
  // Those that do not wait past `now`.
  std::vector<Held> TakeExpired(absl::Time now);

  std::size_t size() const { return held_.size(); }
  bool AnyToHear() const;
  // InfiniteFuture: none waits.
  absl::Time first_end() const { return held_.empty() ? absl::InfiniteFuture() : held_.begin()->first; }

 private:
  std::vector<Held> TakeIf(const std::function<bool(absl::Time until, const Held&)>& taken);

  const Limits limits_;
  std::multimap<absl::Time, Held> held_;
  std::size_t bytes_ = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_HELD_WRITES_H_
