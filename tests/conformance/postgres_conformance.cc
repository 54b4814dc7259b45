#include <memory>
#include <string>
#include <utility>

#include "storage/decorators/batching_backend.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/postgres_route.h"

namespace authstate::conformance {
namespace {

PostgresRoute* const route = PostgresRoute::Register();

class PostgresStore final : public StoreUnderTest {
 public:
  explicit PostgresStore(std::string url) : url_(std::move(url)) {}

  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::PostgresOptions options;
    options.url = url_;
    auto backend = storage::OpenPostgresBackend(options);
    // As authstated stacks it.
    if (backend.ok()) return storage::NewBatchingBackend(*std::move(backend));
    return backend;
  }
  bool durable() const override { return true; }

 private:
  const std::string url_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() {
  auto database = route->NewDatabase();
  if (!database.ok()) return database.status();
  return std::make_unique<PostgresStore>(std::move(database->url));
}

}  // namespace authstate::conformance
