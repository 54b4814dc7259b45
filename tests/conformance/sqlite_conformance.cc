#include <memory>
#include <utility>

#include "storage/sqlite/sqlite_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/decorated.h"
#include "tests/support/temp_dir.h"

namespace authstate::conformance {
namespace {

class SqliteStore final : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::SqliteOptions options;
    options.path = directory_.File("authstate.db");
    auto backend = storage::OpenSqliteBackend(options);
    if (backend.ok()) return Decorated(*std::move(backend));
    return backend;
  }
  bool durable() const override { return true; }

 private:
  test::TempDir directory_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() { return std::make_unique<SqliteStore>(); }

}  // namespace authstate::conformance
