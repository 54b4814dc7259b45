#ifndef AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_TARGET_H_
#define AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_TARGET_H_

#include <optional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "storage/decorators/backend_switch.h"
#include "storage/decorators/call_router.h"

namespace authstate::storage {

// What a BackendSwitch knows of one of its databases. Only its sources include this.
struct BackendSwitch::Target {
  explicit Target(TargetOptions options) : options(std::move(options)) {}

  const TargetOptions options;
  storage::OpenTarget open;
  // The mutex of the switch guards it.
  std::optional<Description> description;
  absl::Time serving_since;
  // Only the one thread that switches uses it.
  std::thread closer;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_TARGET_H_
