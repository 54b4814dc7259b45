#ifndef AUTHSTATE_SERVER_METRICS_OBSERVED_H_
#define AUTHSTATE_SERVER_METRICS_OBSERVED_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/log/lease_events.h"
#include "storage/maintenance_state.h"
#include "storage/near/write_behind_state.h"

namespace authstate {
class Keyring;
}
namespace authstate::storage {
class BackendTargets;
struct TargetState;
}  // namespace authstate::storage
namespace authstate::server {

namespace pipe {
class Budget;
}
class AccessWatch;
class AuditLog;
class CertificateWatch;
class Guard;
class History;
class Readiness;
class SessionSampler;

// The parts of a server that metrics and status are read from, at the moment that somebody asks: nothing is counted
// twice, and nobody who serves waits. All are borrowed, and outlive who reads them.
struct Observed {
  absl::Time started;
  // Where gRPC is served, and how: `plain text`, `TLS` or `mutual TLS`.
  std::string address;
  std::string transport;
  const storage::BackendTargets* targets = nullptr;
  Guard* guard = nullptr;
  const AccessWatch* access = nullptr;
  const pipe::Budget* pipes = nullptr;
  const LeaseCounts* leases = nullptr;
  const Readiness* readiness = nullptr;
  const SessionSampler* sessions = nullptr;
  const History* history = nullptr;
  // SQLite files whose size and disk are told: the store, or one to switch to, and the file of write-behind.
  std::vector<std::string> files;
  // How far the database is behind the file of write-behind, and the file itself, nullopt where there is none; and the
  // bounds, zero there.
  std::function<std::optional<storage::WriteBehindState>()> write_behind;
  std::function<std::optional<storage::TargetState>()> near;
  std::size_t write_behind_max_bytes = 0;
  absl::Duration write_behind_max_age;
  std::function<storage::MaintenanceState()> maintenance;
  // Null: there is none.
  CertificateWatch* certificates = nullptr;
  const AuditLog* audit = nullptr;
  const Keyring* keyring = nullptr;
  // That commands for backups leave figures in; none: nobody has said where.
  std::vector<std::string> backup_metrics;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_OBSERVED_H_
