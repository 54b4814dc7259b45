#ifndef AUTHSTATE_MIGRATIONS_OPEN_GRANTS_H_
#define AUTHSTATE_MIGRATIONS_OPEN_GRANTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/database_options.h"
#include "storage/backend.h"

namespace authstate::migrations {

// The tokens of a database, without a server: also before there is any. Not thread-safe.
class GrantStore {
 public:
  // The database that the options choose; an empty one gets its tables, as at the first start of a server.
  // InvalidArgument when the options do not suffice; else fails as the drivers do. A SQLite file is refused while a
  // server has it.
  static absl::StatusOr<GrantStore> Open(const profiles::DatabaseOptions& options);

  // What an operator should know of the connection. No secrets.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Blocks, for as long as the driver lets a call take.
  absl::StatusOr<storage::GrantResult> Do(storage::GrantRequest request);

 private:
  GrantStore() = default;

  std::vector<std::string> warnings_;
  std::unique_ptr<storage::Backend> backend_;
};

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_OPEN_GRANTS_H_
