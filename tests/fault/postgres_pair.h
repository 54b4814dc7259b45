#ifndef AUTHSTATE_TESTS_FAULT_POSTGRES_PAIR_H_
#define AUTHSTATE_TESTS_FAULT_POSTGRES_PAIR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/test_postgres.h"

namespace authstate::test {

// A primary and its standby with synchronous replication: the primary acknowledges a commit once the standby has it.
// The standby follows through a TcpProxy.
//
// Its children end with the thread that called Create: use it from the main thread. Not thread-safe.
class PostgresPair {
 public:
  // Returns once a commit waits for the standby.
  static absl::StatusOr<std::unique_ptr<PostgresPair>> Create();

  // The maintenance database of both, of which the one that takes writes is meant.
  std::string url() const;

  TestPostgres& primary() { return *primary_; }
  TestPostgres& standby() { return *standby_; }
  TcpProxy& replication() { return *replication_; }

  // Makes the standby take writes; returns once it does. The primary must be gone.
  absl::Status Promote();

 private:
  PostgresPair() = default;

  std::unique_ptr<TestPostgres> primary_;
  std::unique_ptr<TcpProxy> replication_;
  std::unique_ptr<TestPostgres> standby_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_POSTGRES_PAIR_H_
