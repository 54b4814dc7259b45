#ifndef AUTHSTATE_TESTS_INTEGRATION_OPEN_PSQL_H_
#define AUTHSTATE_TESTS_INTEGRATION_OPEN_PSQL_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_postgres.h"

namespace authstate::test {

// A psql that has run `sql` in a transaction, and leaves it open. Waits until it has all its locks.
class OpenPsql {
 public:
  OpenPsql(const std::string& url, const std::string& sql) : url_(url) {
    auto process = Subprocess::Start({{"psql", url, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", "BEGIN", "-c", sql, "-c",
                                       "\\echo held", "-c", "SELECT pg_sleep(3600)"},
                                      {"PGAPPNAME=holder"}});
    EXPECT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    const auto held = process_->WaitForLine("held", absl::Minutes(1));
    EXPECT_TRUE(held.ok()) << held.status();
  }
  ~OpenPsql() {
    const absl::Status ended = TestPostgres::Run(
        url_,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'holder' "
        "AND datname = current_database()");
    EXPECT_TRUE(ended.ok()) << ended;
  }
  OpenPsql(const OpenPsql&) = delete;
  OpenPsql& operator=(const OpenPsql&) = delete;

 private:
  const std::string url_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_OPEN_PSQL_H_
