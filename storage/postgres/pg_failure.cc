#include "storage/postgres/pg_failure.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr absl::Duration kLeastRetryDelay = absl::Milliseconds(100);
constexpr absl::Duration kDiskFullRetryDelay = absl::Seconds(30);

// Names the SQLSTATE where there is one.
std::string Worded(absl::string_view words, const Failure& failure) {
  return failure.sqlstate.empty() ? std::string(words) : absl::StrCat(words, " (SQLSTATE ", failure.sqlstate, ")");
}

absl::Status Unavailable(absl::string_view words, const Failure& failure) {
  return WithRetryDelay(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, Worded(words, failure)),
                        std::max(failure.wait, kLeastRetryDelay));
}

}  // namespace

bool InDoubt(const Failure& failure) {
  return failure.sent && (failure.overran || failure.fault == Fault::kLost || failure.fault == Fault::kInDoubt);
}

absl::Status ToStatus(const Failure& failure) {
  if (failure.overran) return DeadlinePassedAtWork();
  switch (failure.fault) {
    case Fault::kAgain:
      return Unavailable("the database gave way to other transactions", failure);
    case Fault::kNeverBegan:
      return Unavailable("the database cannot be reached", failure);
    case Fault::kLost:
      return Unavailable("the connection to the database was lost", failure);
    case Fault::kInDoubt:
      return Unavailable("the database does not know how the transaction ended", failure);
    case Fault::kStandby:
      return Unavailable("the database is a standby and takes no writes", failure);
    case Fault::kOverloaded:
      return Unavailable("the database has run out of a resource", failure);
    case Fault::kDiskFull:
      return WithRetryDelay(
          Error(absl::StatusCode::kResourceExhausted, kDiskFull, Worded("the disk of the database is full", failure)),
          kDiskFullRetryDelay);
    case Fault::kCancelled:
      return Error(absl::StatusCode::kDeadlineExceeded, kDeadlinePassed,
                   Worded("the database cancelled the statement", failure));
    case Fault::kCorrupt:
      return Error(absl::StatusCode::kDataLoss, kCorruptValue, Worded("the database found damaged data", failure));
    case Fault::kNever:
      break;
  }
  return Error(absl::StatusCode::kInternal, kDatabaseError, Worded("the database refused the statement", failure));
}

absl::Status ToCommitStatus(const Failure& failure) {
  return WithOutcome(ToStatus(failure), InDoubt(failure) ? Outcome::kUnknown : Outcome::kNotApplied);
}

}  // namespace authstate::storage
