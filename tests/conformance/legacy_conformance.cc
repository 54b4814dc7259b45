#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/postgres_route.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/test_postgres.h"

namespace authstate::conformance {
namespace {

PostgresRoute* const route = PostgresRoute::Register();

class LegacyStore final : public StoreUnderTest {
 public:
  LegacyStore(std::string url, std::string direct_url) : url_(std::move(url)), direct_url_(std::move(direct_url)) {}

  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override {
    storage::PostgresOptions options;
    options.url = url_;
    options.layout = storage::PostgresLayout::kLegacy;
    return storage::OpenPostgresBackend(options);
  }
  bool durable() const override { return true; }
  absl::Status ChangeGrants(const std::string& set) override {
    return test::TestPostgres::Run(direct_url_, absl::StrCat("UPDATE authstate.legacy_grants SET ", set));
  }
  bool keeps_json_text() const override { return false; }
  bool TakesSessionId(const std::string& id) const override {
    return id.size() <= 50 && std::all_of(id.begin(), id.end(), [](char c) {
             return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
           });
  }

 private:
  const std::string url_;
  const std::string direct_url_;
};

}  // namespace

// AUTHSTATE_TEST_TABLES=dressed: tables with triggers, row level security and other types (tests/support).
absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() {
  const char* const tables = std::getenv("AUTHSTATE_TEST_TABLES");
  const bool dressed = tables != nullptr && std::string(tables) == "dressed";
  auto database = route->NewDatabase();
  if (!database.ok()) return database.status();
  const absl::Status made = test::CreateLegacyTables(
      database->direct_url, dressed ? test::LegacyTables::kDressed : test::LegacyTables::kPlain);
  if (!made.ok()) return made;
  return std::make_unique<LegacyStore>(dressed ? test::AsApp(database->url) : database->url, database->direct_url);
}

}  // namespace authstate::conformance
