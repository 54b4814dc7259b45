#ifndef AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_ROUTE_H_
#define AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_ROUTE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/support/test_certificates.h"
#include "tests/support/test_pgbouncer.h"
#include "tests/support/test_postgres.h"

namespace authstate::conformance {

// One PostgreSQL for all tests of a process, and the route by which they reach it. The environment variable
// AUTHSTATE_TEST_ROUTE names the route:
//   direct        (also when it is not set)
//   transaction   a PgBouncer in transaction mode
//   session       a PgBouncer in session mode
//   tls           TLS with verify-full, on a server that takes nothing else
class PostgresRoute final : public testing::Environment {
 public:
  struct Database {
    // For the fixture, past everything.
    std::string direct_url;
    // For the backend under test.
    std::string url;
  };

  // Registers the one of this process; to be called while its variables are initialised.
  static PostgresRoute* Register();

  void SetUp() override;
  void TearDown() override;

  // An empty one; what is in the one before is gone.
  absl::StatusOr<Database> NewDatabase();

 private:
  std::unique_ptr<test::TestCertificates> certificates_;
  std::unique_ptr<test::TestPostgres> postgres_;
  std::unique_ptr<test::TestPgBouncer> pooler_;
  // The database's, past everything; empty before there is one.
  std::string url_;
};

}  // namespace authstate::conformance

#endif  // AUTHSTATE_TESTS_CONFORMANCE_POSTGRES_ROUTE_H_
