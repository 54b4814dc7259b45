#include <SQLiteCpp/Database.h>

#include <memory>
#include <string>
#include <utility>

#include "storage/sqlite/sqlite_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/decorated.h"
#include "tests/conformance/keyring_of_environment.h"
#include "tests/support/temp_dir.h"

namespace authstate::conformance {
namespace {

class SqliteStore final : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::SqliteOptions options;
    options.path = path_;
    options.keyring = KeyringOfEnvironment();
    options.hide_key_ids = HideKeyIdsOfEnvironment();
    auto backend = storage::OpenSqliteBackend(options);
    if (backend.ok()) return Decorated(*std::move(backend));
    return backend;
  }
  bool durable() const override { return true; }
  absl::Status ChangeGrants(const std::string& set) override {
    SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE auth_grants SET " + set);
    return absl::OkStatus();
  }

 private:
  test::TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() { return std::make_unique<SqliteStore>(); }

}  // namespace authstate::conformance
