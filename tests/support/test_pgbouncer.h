#ifndef AUTHSTATE_TESTS_SUPPORT_TEST_PGBOUNCER_H_
#define AUTHSTATE_TESTS_SUPPORT_TEST_PGBOUNCER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {

// A PgBouncer of this process (tests/support/serve_pgbouncer.sh) in front of a TestPostgres. It refuses what the
// strictest hosted poolers refuse: unknown start-up parameters, and named prepared statements in transaction mode.
//
// Ends with the thread that called Create: use it from the main thread. Not thread-safe.
class TestPgBouncer {
 public:
  enum class Mode : std::uint8_t { kSession, kTransaction };

  struct Options {
    Mode mode = Mode::kTransaction;
    // Where the PostgreSQL listens, on 127.0.0.1.
    std::uint16_t postgres_port = 0;
    // Server connections for each database. In session mode every client takes one for as long as it is there.
    int pool_size = 4;
  };

  // Returns once it answers.
  static absl::StatusOr<std::unique_ptr<TestPgBouncer>> Create(const Options& options);

  std::uint16_t port() const { return port_; }
  // The database that `url` (TestPostgres::url or NewDatabase) names, through this pooler.
  std::string Through(absl::string_view url) const;

 private:
  explicit TestPgBouncer(std::uint16_t port) : port_(port) {}

  const std::uint16_t port_;
  TempDir directory_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_TEST_PGBOUNCER_H_
