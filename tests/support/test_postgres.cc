#include "tests/support/test_postgres.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/free_port.h"
#include "tests/support/support_script.h"

namespace authstate::test {
namespace {

// Far more than either takes, also under a sanitizer on a busy machine.
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr absl::Duration kStopTimeout = absl::Seconds(60);
constexpr absl::Duration kAnswerTimeout = absl::Seconds(60);
constexpr absl::Duration kPingInterval = absl::Milliseconds(20);

struct ConnectionCloser {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ResultCloser {
  void operator()(PGresult* result) const { PQclear(result); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<TestPostgres>> TestPostgres::Create(Options options) {
  const auto port = FreePort();
  if (!port.ok()) return port.status();
  std::unique_ptr<TestPostgres> postgres(new TestPostgres(*port, std::move(options)));
  if (absl::Status started = postgres->Start(); !started.ok()) return started;
  // Its data, and with it this setting, came from the other server.
  if (postgres->options_.standby_of != 0) return postgres;
  // fsync guards against a crash of the whole machine alone. What is committed survives every Kill without it.
  for (const char* sql : {"ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"}) {
    if (absl::Status run = Run(postgres->url(), sql); !run.ok()) return run;
  }
  return postgres;
}

std::string TestPostgres::UrlOf(absl::string_view database) const {
  return absl::StrCat("postgresql://postgres@127.0.0.1:", port_, "/", database);
}

absl::Status TestPostgres::Run(const std::string& url, const std::string& sql) { return Query(url, sql).status(); }

absl::StatusOr<std::string> TestPostgres::Query(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, ConnectionCloser> connection(PQconnectdb(url.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) return absl::UnavailableError(PQerrorMessage(connection.get()));
  const std::unique_ptr<PGresult, ResultCloser> result(PQexec(connection.get(), sql.c_str()));
  if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) return absl::InternalError(PQerrorMessage(connection.get()));
  if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) return "";
  return PQgetvalue(result.get(), 0, 0);
}

absl::Status TestPostgres::AwaitAnswer(const std::string& url, const std::string& sql, absl::string_view wanted) {
  const absl::Time deadline = absl::Now() + kAnswerTimeout;
  while (true) {
    const auto answer = Query(url, sql);
    if (answer.ok() && *answer == wanted) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(sql, ": ", answer.ok() ? *answer : std::string(answer.status().message())));
    }
    absl::SleepFor(kPingInterval);
  }
}

absl::StatusOr<std::string> TestPostgres::NewDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  const bool on_small_disk = options_.small_disk_megabytes != 0;
  if (on_small_disk && databases_ == 1) {
    const std::string sql =
        absl::StrCat("CREATE TABLESPACE small LOCATION '", directory_.File("cluster/small/databases"), "'");
    if (absl::Status made = Run(url(), sql); !made.ok()) return made;
  }
  const std::string sql = absl::StrCat("CREATE DATABASE ", name, on_small_disk ? " TABLESPACE small" : "");
  if (absl::Status made = Run(url(), sql); !made.ok()) return made;
  return UrlOf(name);
}

absl::Status TestPostgres::Start() {
  if (process_ != nullptr && process_->running()) return absl::FailedPreconditionError("it is running");
  Subprocess::Options options;
  const bool small_disk = options_.small_disk_megabytes != 0;
  options.argv = {"/bin/sh", SupportScript(small_disk ? "serve_postgres_with_small_disk.sh" : "serve_postgres.sh"),
                  directory_.File("cluster"), absl::StrCat(port_)};
  if (small_disk) options.argv.push_back(absl::StrCat(options_.small_disk_megabytes));
  options.argv.insert(options.argv.end(), options_.settings.begin(), options_.settings.end());
  const char* const newest = std::getenv("AUTHSTATE_TEST_NEWER_POSTGRES_BIN");
  if (options_.newest && newest != nullptr) {
    options.environment.push_back(absl::StrCat("AUTHSTATE_TEST_POSTGRES_BIN=", newest));
  }
  if (options_.standby_of != 0) options.environment.push_back(absl::StrCat("STANDBY_OF=", options_.standby_of));
  if (options_.own_identifier) options.environment.push_back("OWN_IDENTIFIER=1");
  auto process = Subprocess::Start(std::move(options));
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  return AwaitReady();
}

// libpq gives no event for "the server is up", so this asks again until it is, or until the process ended.
absl::Status TestPostgres::AwaitReady() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (PQping(url().c_str()) != PQPING_OK) {
    if (absl::Now() > deadline) return absl::DeadlineExceededError("PostgreSQL does not answer");
    if (process_->Wait(kPingInterval).ok()) {
      return absl::InternalError(absl::StrCat("PostgreSQL ended:\n", process_->output(Subprocess::Stream::kStderr)));
    }
  }
  return absl::OkStatus();
}

// Through the process, as the disk is mounted for it alone.
std::string TestPostgres::FillerPath() const {
  return absl::StrCat("/proc/", process_->pid(), "/root", directory_.File("cluster/small/filler"));
}

absl::Status TestPostgres::FillDisk() {
  constexpr std::size_t kBlockBytes = 4096;
  const std::array<char, kBlockBytes> block{};
  const int filler = open(FillerPath().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (filler < 0) return absl::ErrnoToStatus(errno, "the filler of the small disk");
  while (write(filler, block.data(), block.size()) > 0) {
  }
  const int reason = errno;
  close(filler);
  return reason == ENOSPC ? absl::OkStatus() : absl::ErrnoToStatus(reason, "the filler of the small disk");
}

absl::Status TestPostgres::EmptyDisk() {
  if (unlink(FillerPath().c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "the filler of the small disk");
}

absl::Status TestPostgres::End(int signal) {
  process_->Signal(signal);
  return process_->Wait(kStopTimeout).status();
}

absl::Status TestPostgres::Stop() { return End(SIGINT); }

absl::Status TestPostgres::PowerOff() {
  const pid_t postmaster = process_->pid();
  // Stopped, it starts no more processes while the others are counted.
  process_->Signal(SIGSTOP);
  std::ifstream children(absl::StrCat("/proc/", postmaster, "/task/", postmaster, "/children"));
  if (!children.is_open()) return absl::InternalError("the kernel does not list the children of a process");
  for (pid_t child = 0; children >> child;) kill(child, SIGKILL);
  return End(SIGKILL);
}

absl::Status TestPostgres::Kill() { return End(SIGQUIT); }

}  // namespace authstate::test
