#ifndef AUTHSTATE_TESTS_FAULT_FAULT_TEST_H_
#define AUTHSTATE_TESTS_FAULT_FAULT_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/fault/load.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"

namespace authstate::test {

// An authstated on a PostgreSQL, both as processes, with a TcpProxy in between. Everything is new for each test.
//
// With AUTHSTATE_TEST_LAYOUT=legacy in the environment the database has the tables of that layout from the start.
class FaultTest : public testing::Test {
 protected:
  // How often a fault is repeated within a test: `by_default` times AUTHSTATE_FAULT_ROUNDS, which `./dev fault` sets.
  static int Repeats(int by_default);

  // PostgreSQL with these settings, a database, and the proxy.
  void StartPostgres(TestPostgres::Options options = {});
  // authstated on `url`, or on the database through the proxy.
  void StartServer(const std::string& url);
  void StartServer() { StartServer(proxied_url()); }
  // authstated with these arguments.
  void StartServerWith(std::vector<std::string> arguments);
  // The two, and a load that has got going.
  void StartAll();
  void StartLoad(Load::Options options = {});

  TestPostgres& postgres() { return *postgres_; }
  TestServer& server() { return *server_; }
  TcpProxy& proxy() { return *proxy_; }
  Load& load() { return *load_; }

  // The database, past the proxy and through it; as the role postgres.
  const std::string& url() const { return url_; }
  std::string proxied_url() const;
  // Makes the tables that the layout asks for in the database at `url`.
  static void MakeTables(const std::string& url);
  // Runs SQL on the database, past the proxy; it must succeed.
  void Sql(const std::string& sql);
  // Ends every connection to the database but the one that asks.
  void TerminateConnections();

  // Waits until the server's health is this.
  void AwaitHealth(bool serving);

  // The service is well again: the load goes on and everything it was told is checked. Its failures had `codes` alone.
  void ExpectRecovery(const std::vector<absl::StatusCode>& codes);

  // Writes a line that `./dev fault` puts into its report.
  static void Report(absl::string_view line);

 private:
  std::unique_ptr<TestPostgres> postgres_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Load> load_;
  std::string url_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_FAULT_TEST_H_
