#include "tests/conformance/postgres_route.h"

#include <cstdlib>
#include <utility>

namespace authstate::conformance {
namespace {

// Fewer than the connections of one backend, so that in transaction mode they are shared.
constexpr int kSharedConnections = 4;
// As many as all the backends that one test opens have.
constexpr int kSessionConnections = 40;

}  // namespace

PostgresRoute* PostgresRoute::Register() {
  return dynamic_cast<PostgresRoute*>(testing::AddGlobalTestEnvironment(std::make_unique<PostgresRoute>().release()));
}

void PostgresRoute::SetUp() {
  const char* const variable = std::getenv("AUTHSTATE_TEST_ROUTE");
  const std::string route = variable == nullptr ? "direct" : variable;

  test::TestPostgres::Options options;
  if (route == "tls") {
    auto certificates = test::TestCertificates::Create();
    ASSERT_TRUE(certificates.ok()) << certificates.status();
    certificates_ = *std::move(certificates);
    options.settings = certificates_->ServerSettings();
  }
  auto postgres = test::TestPostgres::Create(std::move(options));
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  postgres_ = *std::move(postgres);

  if (route == "transaction" || route == "session") {
    const bool shared = route == "transaction";
    auto pooler = test::TestPgBouncer::Create(
        {shared ? test::TestPgBouncer::Mode::kTransaction : test::TestPgBouncer::Mode::kSession, postgres_->port(),
         shared ? kSharedConnections : kSessionConnections});
    ASSERT_TRUE(pooler.ok()) << pooler.status();
    pooler_ = *std::move(pooler);
  } else {
    ASSERT_TRUE(route == "direct" || route == "tls") << "AUTHSTATE_TEST_ROUTE=" << route;
  }
}

void PostgresRoute::TearDown() {
  pooler_.reset();
  postgres_.reset();
}

absl::StatusOr<PostgresRoute::Database> PostgresRoute::NewDatabase() {
  auto direct = postgres_->NewDatabase();
  if (!direct.ok()) return direct.status();
  Database database;
  database.url = *direct;
  if (certificates_ != nullptr) database.url = certificates_->Verified(*direct);
  if (pooler_ != nullptr) database.url = pooler_->Through(*direct);
  database.direct_url = *std::move(direct);
  return database;
}

}  // namespace authstate::conformance
