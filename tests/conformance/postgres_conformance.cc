#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/decorators/batching_backend.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/keyring_of_environment.h"
#include "tests/conformance/postgres_route.h"
#include "tests/support/test_postgres.h"

namespace authstate::conformance {
namespace {

PostgresRoute* const route = PostgresRoute::Register();

class PostgresStore final : public StoreUnderTest {
 public:
  explicit PostgresStore(PostgresRoute::Database database) : database_(std::move(database)) {}

  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::PostgresOptions options;
    options.url = database_.url;
    options.keyring = KeyringOfEnvironment();
    options.hide_key_ids = HideKeyIdsOfEnvironment();
    auto backend = storage::OpenPostgresBackend(options);
    // As authstated stacks it.
    if (backend.ok()) return storage::NewBatchingBackend(*std::move(backend));
    return backend;
  }
  bool durable() const override { return true; }
  absl::Status ChangeGrants(const std::string& set) override {
    return test::TestPostgres::Run(database_.direct_url, absl::StrCat("UPDATE authstate.auth_grants SET ", set));
  }

 private:
  const PostgresRoute::Database database_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() {
  auto database = route->NewDatabase();
  if (!database.ok()) return database.status();
  return std::make_unique<PostgresStore>(*std::move(database));
}

}  // namespace authstate::conformance
