#ifndef AUTHSTATE_MIGRATIONS_OPEN_HOMES_H_
#define AUTHSTATE_MIGRATIONS_OPEN_HOMES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/database_options.h"
#include "storage/backend.h"
#include "storage/near/far_homes.h"

namespace authstate::migrations {

// A PostgreSQL that the options choose, for who reads and writes no session in it: without a keyring, and with few
// connections. An empty one gets its tables, as at the first start of a server. `warnings` is what an operator should
// know of the connection; no secrets.
absl::StatusOr<std::unique_ptr<storage::Backend>> OpenFarStore(const profiles::DatabaseOptions& options,
                                                               std::vector<std::string>* warnings);

// What is at home in files of write-behind before a database, without a server: also while none is left. Not
// thread-safe.
class HomeStore {
 public:
  // InvalidArgument when the options choose an SQLite file, before which nothing stands, or do not suffice; else fails
  // as the driver does.
  static absl::StatusOr<HomeStore> Open(const profiles::DatabaseOptions& options);

  const std::vector<std::string>& warnings() const { return warnings_; }

  // As storage::ListFarHomes, all of them. Both block, for as long as the driver lets a call take.
  absl::StatusOr<std::vector<storage::FarHome>> List(const std::string& store_id);
  // As storage::AbandonHome. InvalidArgument where `store_id` is not the id of a store.
  absl::StatusOr<storage::AbandonedHome> Abandon(const std::string& session_id, const std::string& store_id);

 private:
  HomeStore() = default;

  std::vector<std::string> warnings_;
  std::unique_ptr<storage::Backend> far_;
};

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_OPEN_HOMES_H_
