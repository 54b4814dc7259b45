#include "storage/postgres/connection/pooler_probe.h"

#include <cstdint>
#include <optional>

#include "storage/error.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

constexpr int kTries = 5;

// The process that runs the next statement; Continue, so that it is that of the connection which is there.
absl::StatusOr<std::int64_t> Process(PgConnection& connection, absl::Time deadline) {
  const auto asked = connection.Continue(statements::kBackendProcess, {}, deadline);
  if (asked.failure.has_value()) return ToStatus(*asked.failure);
  return ToInt(asked.rows[0][0]);
}

// Whether a transaction of `second` runs in the process that `first` had just now, or takes it away.
absl::StatusOr<bool> Shares(PgConnection& first, PgConnection& second, absl::Time deadline) {
  const auto before = Process(first, deadline);
  if (!before.ok()) return before.status();
  const auto begun = second.Execute(statements::kBeginProbe, {}, deadline);
  if (begun.failure.has_value()) return ToStatus(*begun.failure);
  const auto other = Process(second, deadline);
  const auto after = Process(first, deadline);
  const auto ended = second.Continue(statements::kEndProbe, {}, deadline);
  if (!other.ok()) return other.status();
  if (!after.ok()) return after.status();
  if (ended.failure.has_value()) return ToStatus(*ended.failure);
  return *other == *before || *after != *before;
}

}  // namespace

absl::StatusOr<PoolerMode> DetectPooler(PgConnection& first, PgConnection& second, absl::Time deadline) {
  for (PgConnection* connection : {&first, &second}) {
    const auto made = connection->Execute(statements::kPing, {}, deadline);
    if (made.failure.has_value()) return ToStatus(*made.failure);
  }
  const auto process = Process(first, deadline);
  if (!process.ok()) return process.status();
  const std::optional<int> named = first.NamedProcess();
  if (!named.has_value()) return DeadlinePassedAtWork();
  if (*process == *named) return PoolerMode::kNone;
  for (int i = 0; i < kTries; ++i) {
    const auto shares = Shares(first, second, deadline);
    if (!shares.ok()) return shares.status();
    if (*shares) return PoolerMode::kTransaction;
  }
  return PoolerMode::kSession;
}

absl::string_view PoolerName(PoolerMode mode) {
  switch (mode) {
    case PoolerMode::kNone:
      return "none";
    case PoolerMode::kSession:
      return "session";
    case PoolerMode::kTransaction:
      return "transaction";
    case PoolerMode::kDetect:
      break;
  }
  return "";
}

}  // namespace authstate::storage
