#ifndef AUTHSTATE_SERVER_LOG_MAINTENANCE_LOG_H_
#define AUTHSTATE_SERVER_LOG_MAINTENANCE_LOG_H_

#include <optional>

#include "storage/grant.h"

namespace authstate::server {

// A line for maintenance that this server has heard of; nullopt: of its end.
void LogMaintenance(const std::optional<storage::Maintenance>& maintenance);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_MAINTENANCE_LOG_H_
