#ifndef AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_FAULT_BACKEND_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_FAULT_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "storage/backend.h"

namespace authstate::storage {

// A promise of the store that is broken on purpose, so that tests can show that they would notice.
enum class PlantedFault : std::uint8_t {
  // Any fence passes for the current one.
  kFence,
  // Numbers are ignored: a commit that comes again is applied again.
  kExactlyOnce,
  // Some commits are applied in part, and answered as in doubt: what a crash would leave of a store without
  // transactions.
  kAtomicity,
  // A far store (storage/write_behind/) tells homes of other near stores as nobody's, and they are taken.
  kOtherHomes,
};

// `fence`, `exactly-once`, `atomicity` or `other-homes`.
std::optional<PlantedFault> ParsePlantedFault(absl::string_view name);

// `inner`, with the fault.
std::unique_ptr<Backend> NewPlantedFaultBackend(std::unique_ptr<Backend> inner, PlantedFault fault);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_FAULT_BACKEND_H_
