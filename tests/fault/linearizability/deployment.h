#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_DEPLOYMENT_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_DEPLOYMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/fault/postgres_pair.h"
#include "tests/support/fake_clock.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"
#include "tests/support/test_server.h"

namespace authstate::test {

// Two servers on one PostgreSQL, each with a proxy towards PostgreSQL and one towards its clients, a clock that can be
// set, and failpoints; with near stores, if that is wanted (docs/write-behind.md).
//
// Its processes end with the thread that called Create: use it from the main thread. Not thread-safe.
class Deployment {
 public:
  static constexpr std::size_t kServers = 2;

  struct Options {
    // A promise that the servers break (storage/failpoints/planted_fault_backend.h), or empty.
    std::string plant;
    // On `whatsapp_auth` and `whatsapp_keys`.
    bool legacy = false;
    // With a keyring of two keys, of which each server has another one active.
    bool sealed = false;
    // The first server is one with a near store; or each is.
    enum class NearStores : std::uint8_t { kNone, kOne, kBoth };
    NearStores near_stores = NearStores::kNone;
    // One server, which both addresses lead to, and which may serve from kDatabases: a native one, another native one,
    // the existing tables, and a file.
    bool moves = false;
    // PostgreSQL has a synchronous standby, which LosePrimary promotes.
    bool standby = false;
  };
  static constexpr std::array<const char*, 4> kDatabases = {"postgres", "timeweb", "supabase", "sqlite"};
  static absl::StatusOr<std::unique_ptr<Deployment>> Create(const Options& options);

  // The first server's, past the proxies.
  const std::string& server_address() const { return servers_[0].process->address(); }

  // The database's, past the proxies.
  const std::string& database_url() const { return database_url_; }
  bool sealed() const { return sealed_; }
  // Whether each server has a near store; empty: none has.
  const std::vector<bool>& near_stores() const { return near_stores_; }
  bool has_standby() const { return pair_ != nullptr; }

  // Where clients reach the servers: through the proxies.
  std::vector<std::string> addresses() const;

  // Faults. Each lasts until Heal.
  void KillServer(std::size_t server);
  // SIGSTOP.
  void StopServer(std::size_t server);
  void KillPostgres();
  // The primary is gone for ever, and its standby takes its place. Once, with a standby.
  absl::Status LosePrimary();
  // Nothing passes on this side of the server in this direction, where kToClient is that of answers. What was held
  // arrives when the fault ends: a request that its sender has long given up, and repeated elsewhere.
  enum class Side : std::uint8_t { kClients, kPostgres };
  void Hold(std::size_t server, Side side, Direction direction);
  // Breaks the connections on this side of the server.
  void Reset(std::size_t server, Side side);
  // `offset`: as libfaketime takes it, `+1h` or `-1h`.
  void SetClock(std::size_t server, absl::string_view offset);
  // As in storage/failpoints/failpoints.h.
  void Order(std::size_t server, absl::string_view failpoint, absl::string_view action);

  // What a disk that lies about what it has synced does with the file of the near store, in two steps: what is written
  // from the first one on is gone after the second, which kills the server.
  absl::Status StopSyncing(std::size_t server);
  absl::Status LosePower(std::size_t server);

  // Ends all faults, and returns once every server answers.
  absl::Status Heal();

  // How many stored values are patches of earlier ones. Not on the existing tables.
  absl::StatusOr<int> CountPatchedValues() const;

 private:
  struct Server {
    TempDir failpoints;
    std::unique_ptr<FakeClock> clock;
    TempDir near_store;
    TempDir store;
    // To PostgreSQL, and to its standby if it has one.
    std::vector<std::unique_ptr<TcpProxy>> to_postgres;
    // Null: the first server's answers in its place.
    std::unique_ptr<TestServer> process;
    std::unique_ptr<TcpProxy> to_clients;

    std::vector<TcpProxy*> proxies(Side side) const;
  };

  Deployment() = default;

  absl::Status MakeDatabase(const Options& options);
  // The URL of the database through proxies of the server.
  absl::StatusOr<std::string> MakeWayToPostgres(Server* server);
  absl::StatusOr<TestServer::Options> OptionsOf(const Options& options, std::size_t server);
  absl::Status StartPostgres();
  absl::Status StartServers(const Options& options);
  // The options by which the server may serve from other databases too.
  absl::StatusOr<std::vector<std::string>> OtherDatabases(const Server& server);
  absl::Status AwaitAnswer(std::size_t server) const;

  // One of them.
  std::unique_ptr<TestPostgres> postgres_;
  std::unique_ptr<PostgresPair> pair_;
  std::string database_url_;
  bool sealed_ = false;
  std::vector<bool> near_stores_;
  std::array<Server, kServers> servers_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_DEPLOYMENT_H_
