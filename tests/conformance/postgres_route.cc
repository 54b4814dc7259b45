#include "tests/conformance/postgres_route.h"

#include <cstdlib>
#include <utility>

namespace authstate::conformance {
namespace {

// Fewer than the connections of one backend, so that in transaction mode they are shared.
constexpr int kSharedConnections = 4;
// As many as all the backends that one test opens have.
constexpr int kSessionConnections = 40;

// Back to what CREATE DATABASE makes, in a hundredth of its time.
constexpr char kEmpty[] =
    "SET client_min_messages = warning; DROP SCHEMA IF EXISTS authstate CASCADE; DROP SCHEMA public CASCADE; CREATE "
    "SCHEMA public; "
    "GRANT USAGE ON SCHEMA public TO public";

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
  // Nothing here loses the machine's memory.
  options.settings.emplace_back("fsync=off");
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
  if (url_.empty()) {
    auto made = postgres_->NewDatabase();
    if (!made.ok()) return made.status();
    url_ = *std::move(made);
  } else if (absl::Status emptied = test::TestPostgres::Run(url_, kEmpty); !emptied.ok()) {
    return emptied;
  }
  Database database;
  database.direct_url = url_;
  database.url = url_;
  if (certificates_ != nullptr) database.url = certificates_->Verified(url_);
  if (pooler_ != nullptr) database.url = pooler_->Through(url_);
  return database;
}

}  // namespace authstate::conformance
