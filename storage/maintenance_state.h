#ifndef AUTHSTATE_STORAGE_MAINTENANCE_STATE_H_
#define AUTHSTATE_STORAGE_MAINTENANCE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "storage/grant.h"

namespace authstate::storage {

// For how long a server goes by what the database has told it of maintenance, from when it asked.
inline constexpr absl::Duration kMaintenanceTrust = absl::Seconds(3);
// For what a server lets go on until it is with the database, beside that.
inline constexpr absl::Duration kMaintenanceMargin = absl::Seconds(1);

// What a server knows of maintenance at one moment, for operators: status, health, metrics.
struct MaintenanceState {
  // nullopt: there is none, as far as this server has heard.
  std::optional<Maintenance> maintenance;
  // How long it takes until no server can be left that has not heard of it, as it is now; zero without maintenance.
  absl::Duration settle_time;
  // Writes that were let through and have not ended; in maintenance but for those that it allows.
  std::uint64_t writes_under_way = 0;
  // Calls that wait, for the end of maintenance or to hear whether there is one.
  std::size_t held = 0;
  // Calls, or members of batches, that maintenance has refused since the start.
  std::uint64_t refused = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MAINTENANCE_STATE_H_
