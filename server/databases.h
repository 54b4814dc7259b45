#ifndef AUTHSTATE_SERVER_DATABASES_H_
#define AUTHSTATE_SERVER_DATABASES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "keyring/keyring.h"
#include "server/options.h"
#include "server/stop_time.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"
#include "storage/batches/batch_limits.h"
#include "storage/deadline_timer.h"
#include "storage/decorators/maintenance_gate.h"
#include "storage/near/write_behind_state.h"
#include "storage/write_behind/far_targets.h"

// Which databases the server has, and what stands on each of them. This alone names drivers.
namespace authstate::server {

// What all databases have in common.
struct Shared {
  // Ends calls on time.
  std::shared_ptr<storage::DeadlineTimer> timer = std::make_shared<storage::DeadlineTimer>();
  // Null: there is none.
  std::shared_ptr<const Keyring> keyring;
  std::shared_ptr<StopTime> stop = std::make_shared<StopTime>();
};

// What serves, and the databases that it may serve from.
struct Databases {
  // With write-behind. It outlives the backend.
  std::unique_ptr<storage::FarTargets> far;
  std::unique_ptr<storage::Backend> backend;
  storage::BackendTargets* targets = nullptr;
  // A part of the backend.
  storage::MaintenanceGate* maintenance = nullptr;
  // nullopt without write-behind. The second: the file as if it were one of `targets`, named kNearTarget.
  std::function<std::optional<storage::WriteBehindState>()> write_behind = [] { return std::nullopt; };
  std::function<std::optional<storage::TargetState>()> near = [] { return std::nullopt; };
};

// No database that can be configured has this name.
inline constexpr absl::string_view kNearTarget = "write-behind";

// How much goes to a store at a time: the one place that says so, to all who gather. Where every caller of PostgreSQL
// has its own statements, a stream of the pipe may still have no more than there are connections.
storage::BatchLimits Batches(const Options& options);

// How many snapshots the database in force can have open.
std::size_t Snapshots(const Options& options, const storage::Description& database);

// The switch between databases stands above them, or, with write-behind, between them and the file: what is at home
// there goes on while they are switched. Both outlive what is opened. An error is of the database that was chosen, or
// of the file of write-behind, with the reason that storage/error.h has for it.
absl::StatusOr<Databases> OpenDatabases(const Options& options, const Shared& shared);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_DATABASES_H_
