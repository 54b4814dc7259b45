#include "migrations/open_grants.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "migrations/open_homes.h"
#include "profiles/readable_files.h"
#include "storage/await_call.h"
#include "storage/sqlite/sqlite_backend.h"

namespace authstate::migrations {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

std::string NewStoreAt(const std::string& place) { return absl::StrCat("new, empty store at ", place); }

absl::StatusOr<std::unique_ptr<storage::Backend>> OpenSqlite(const std::string& path,
                                                             std::vector<std::string>* warnings) {
  storage::SqliteOptions sqlite;
  sqlite.path = path;
  sqlite.readers = 1;
  sqlite.without_keyring = true;
  sqlite.on_created = [warnings](const std::string& made) { warnings->push_back(NewStoreAt(made)); };
  auto backend = storage::OpenSqliteBackend(std::move(sqlite));
  for (std::string& warning : profiles::WarningsOfDatabaseReaders(path)) warnings->push_back(std::move(warning));
  return backend;
}

}  // namespace

absl::StatusOr<GrantStore> GrantStore::Open(const profiles::DatabaseOptions& options) {
  GrantStore store;
  auto backend = options.backend == profiles::BackendChoice::kSqlite ? OpenSqlite(options.sqlite_path, &store.warnings_)
                                                                     : OpenFarStore(options, &store.warnings_);
  if (!backend.ok()) return backend.status();
  store.backend_ = *std::move(backend);
  return store;
}

absl::StatusOr<storage::GrantResult> GrantStore::Do(storage::GrantRequest request) {
  return storage::AwaitCall<absl::StatusOr<storage::GrantResult>>(
      [&](auto done) { backend_->Grants(std::move(request), absl::Now() + kPatience, std::move(done)); });
}

}  // namespace authstate::migrations
