#include "tests/support/test_pgbouncer.h"

#include <libpq-fe.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/free_port.h"
#include "tests/support/support_script.h"

namespace authstate::test {
namespace {

// Far more than it takes, also on a busy machine.
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr absl::Duration kPingInterval = absl::Milliseconds(20);

absl::string_view NameOf(TestPgBouncer::Mode mode) {
  return mode == TestPgBouncer::Mode::kTransaction ? "transaction" : "session";
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestPgBouncer>> TestPgBouncer::Create(const Options& options) {
  const auto port = FreePort();
  if (!port.ok()) return port.status();
  std::unique_ptr<TestPgBouncer> pooler(new TestPgBouncer(*port));
  auto process = Subprocess::Start(
      {{"/bin/sh", SupportScript("serve_pgbouncer.sh"), pooler->directory_.File("pgbouncer"), absl::StrCat(*port),
        std::string(NameOf(options.mode)), absl::StrCat(options.postgres_port), absl::StrCat(options.pool_size)},
       /*environment=*/{}});
  if (!process.ok()) return process.status();
  pooler->process_ = *std::move(process);

  const std::string url = pooler->Through("/postgres");
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (PQping(url.c_str()) != PQPING_OK) {
    if (absl::Now() > deadline) return absl::DeadlineExceededError("PgBouncer does not answer");
    if (pooler->process_->Wait(kPingInterval).ok()) {
      return absl::InternalError(
          absl::StrCat("PgBouncer ended:\n", pooler->process_->output(Subprocess::Stream::kStderr)));
    }
  }
  return pooler;
}

std::string TestPgBouncer::Through(absl::string_view url) const {
  return absl::StrCat("postgresql://postgres@127.0.0.1:", port_, url.substr(url.rfind('/')));
}

}  // namespace authstate::test
