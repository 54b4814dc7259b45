#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage/decorators/batching_backend.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/write_behind/write_behind.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/postgres_route.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"

namespace authstate::conformance {
namespace {

// AUTHSTATE_TEST_FAR: `native` and `legacy`, PostgreSQL with these tables; else a store in memory.
std::string FarName() {
  const char* const name = std::getenv("AUTHSTATE_TEST_FAR");
  return name == nullptr ? "memory" : name;
}

PostgresRoute* const route = FarName() == "memory" ? nullptr : PostgresRoute::Register();

class WriteBehindStore final : public StoreUnderTest {
 public:
  explicit WriteBehindStore(PostgresRoute::Database database) : database_(std::move(database)) {}

  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::SqliteOptions sqlite;
    sqlite.path = folder_.path() + "/near.db";
    auto near = storage::OpenSqliteNearStore(std::move(sqlite));
    if (!near.ok()) return near.status();
    storage::WriteBehindOptions options;
    options.timer = timer_;
    options.open_far = [this] { return OpenFar(); };
    return storage::OpenWriteBehind(*std::move(near), std::move(options));
  }
  bool durable() const override { return true; }
  bool stops_leases_in_maintenance() const override { return false; }
  bool keeps_grants_in_rows() const override { return FarName() != "memory"; }
  bool keeps_json_text() const override { return FarName() != "legacy"; }
  bool TakesSessionId(const std::string& id) const override {
    if (FarName() != "legacy") return true;
    return id.size() <= 50 && std::all_of(id.begin(), id.end(), [](char c) {
             return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
           });
  }
  absl::Status ChangeGrants(const std::string& set) override {
    const std::string table = FarName() == "legacy" ? "legacy_grants" : "auth_grants";
    return test::TestPostgres::Run(database_.direct_url, absl::StrCat("UPDATE authstate.", table, " SET ", set));
  }

 private:
  absl::StatusOr<std::unique_ptr<storage::Backend>> OpenFar() {
    if (FarName() == "memory") return std::make_unique<storage::ForwardingBackend>(memory_.get());
    storage::PostgresOptions options;
    options.url = database_.url;
    if (FarName() == "legacy") options.layout = storage::PostgresLayout::kLegacy;
    auto backend = storage::OpenPostgresBackend(options);
    if (backend.ok()) return storage::NewBatchingBackend(*std::move(backend));
    return backend;
  }

  const PostgresRoute::Database database_;
  const std::shared_ptr<storage::DeadlineTimer> timer_ = std::make_shared<storage::DeadlineTimer>();
  const std::unique_ptr<storage::Backend> memory_ = storage::NewMemoryBackend();
  test::TempDir folder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() {
  PostgresRoute::Database database;
  if (route != nullptr) {
    auto made = route->NewDatabase();
    if (!made.ok()) return made.status();
    database = *std::move(made);
  }
  if (FarName() == "legacy") {
    absl::Status made = test::CreateLegacyTables(database.direct_url, test::LegacyTables::kPlain);
    if (!made.ok()) return made;
  }
  return std::make_unique<WriteBehindStore>(std::move(database));
}

}  // namespace authstate::conformance
