#ifndef AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_NEAR_STORE_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_NEAR_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "storage/near/near_store.h"

namespace authstate::storage {

// A promise of write-behind that is broken on purpose, by what its near store tells of what is not flushed.
enum class PlantedNearFault : std::uint8_t {
  // Some of what is not flushed is told to be, and so a session is given back before it is.
  kGiveBack,
  // A flush takes the far store to a later moment, and then what the flush before it wrote is written once more.
  kMoments,
};

// `give-back` or `moments`.
std::optional<PlantedNearFault> ParsePlantedNearFault(absl::string_view name);

// `inner`, with the fault.
std::unique_ptr<NearStore> NewPlantedNearStore(std::unique_ptr<NearStore> inner, PlantedNearFault fault);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_PLANTED_NEAR_STORE_H_
