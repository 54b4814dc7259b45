#ifndef AUTHSTATE_TESTS_SUPPORT_TEST_POSTGRES_H_
#define AUTHSTATE_TESTS_SUPPORT_TEST_POSTGRES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {

// A throwaway PostgreSQL of this process (tests/support/serve_postgres.sh) on a port of its own.
//
// Its children end with the thread that called Start: use it from the main thread. Not thread-safe.
class TestPostgres {
 public:
  struct Options {
    // Settings of the server, `name=value` each.
    std::vector<std::string> settings;
    // The port of a running server of this kind: the new one becomes a standby of it, named "standby". 0: none.
    std::uint16_t standby_of = 0;
    // Megabytes of a disk that holds the databases of NewDatabase, and nothing else but what FillDisk writes. 0: none.
    int small_disk_megabytes = 0;
    // Whether its system identifier is no other cluster's.
    bool own_identifier = false;
    // The newest PostgreSQL, of the folder that AUTHSTATE_TEST_NEWER_POSTGRES_BIN names; where it names none, the same
    // as without.
    bool newest = false;
  };

  // Makes the cluster, and returns once it answers.
  static absl::StatusOr<std::unique_ptr<TestPostgres>> Create(Options options);
  static absl::StatusOr<std::unique_ptr<TestPostgres>> Create() { return Create(Options()); }

  // The maintenance database.
  std::string url() const { return UrlOf("postgres"); }
  std::uint16_t port() const { return port_; }
  Subprocess& process() { return *process_; }

  // Makes an empty database and returns its URL.
  absl::StatusOr<std::string> NewDatabase();
  // Runs statements on a connection of their own to the database at `url`.
  static absl::Status Run(const std::string& url, const std::string& sql);
  // The same, and returns the first field of the last statement's first row, as text; "" when there is none.
  static absl::StatusOr<std::string> Query(const std::string& url, const std::string& sql);
  // Asks `sql` again and again until it answers `wanted`; DeadlineExceeded with the last answer after a minute.
  static absl::Status AwaitAnswer(const std::string& url, const std::string& sql, absl::string_view wanted);

  // Leaves no room on the small disk; makes room again.
  absl::Status FillDisk();
  absl::Status EmptyDisk();

  // Stops it cleanly (what is committed is on disk), and returns once it has ended.
  absl::Status Stop();
  // Ends it at once, as a crash would: its connections break and it recovers at the next Start.
  absl::Status Kill();
  // Kills every one of its processes at once, as when its machine loses power: nobody is told anything.
  absl::Status PowerOff();
  // Serves the same databases on the same port again, after one of these; returns once it answers.
  absl::Status Start();

 private:
  TestPostgres(std::uint16_t port, Options options) : port_(port), options_(std::move(options)) {}

  std::string UrlOf(absl::string_view database) const;
  std::string FillerPath() const;
  absl::Status End(int signal);
  absl::Status AwaitReady();

  const std::uint16_t port_;
  const Options options_;
  TempDir directory_;
  int databases_ = 0;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_TEST_POSTGRES_H_
