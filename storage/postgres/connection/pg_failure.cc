#include "storage/postgres/connection/pg_failure.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
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

absl::Status Unavailable(absl::string_view words, const Failure& failure,
                         absl::string_view reason = kDatabaseUnavailable) {
  return WithRetryDelay(Error(absl::StatusCode::kUnavailable, reason, Worded(words, failure)),
                        std::max(failure.wait, kLeastRetryDelay));
}

absl::Status ReadOnly(const Failure& failure) {
  return Unavailable(
      "the database takes no writes: it is a standby, or was made read-only, as hosts do when its disk is full",
      failure, kDatabaseReadOnly);
}

absl::Status WithoutConnection(const Failure& failure) {
  switch (failure.no_connection) {
    case WhyNotConnected::kNoneToSpare:
      return Unavailable(
          "the database, or a pooler before it, has no connection to spare: lower --postgres-connections of its "
          "servers, or raise what it allows the role, the database or the pool",
          failure, kTooManyConnections);
    case WhyNotConnected::kUnanswered:
      return Unavailable(
          "nothing answers on a new connection to the database, as behind a pooler whose pool is full: lower "
          "--postgres-connections of its servers, or raise the size of the pool",
          failure);
    case WhyNotConnected::kReadOnly:
      return ReadOnly(failure);
    case WhyNotConnected::kAway:
      break;
  }
  return Unavailable("the database cannot be reached", failure);
}

absl::Status ToStatusOfFault(const Failure& failure) {
  switch (failure.fault) {
    case Fault::kAgain:
      return Unavailable("the database gave way to other transactions", failure);
    case Fault::kNeverBegan:
      return WithoutConnection(failure);
    case Fault::kLost:
      return Unavailable("the connection to the database was lost", failure);
    case Fault::kInDoubt:
      return Unavailable("the database does not know how the transaction ended", failure);
    case Fault::kStandby:
      return ReadOnly(failure);
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

}  // namespace

std::string PrimaryMessage(absl::string_view sqlstate, absl::string_view said) {
  constexpr absl::string_view kMayQuote[] = {"21", "22", "23", "P0"};
  for (const absl::string_view prefix : kMayQuote) {
    if (absl::StartsWith(sqlstate, prefix)) return "";
  }
  if (sqlstate.empty()) return "";
  // `ERROR:  text`, the first word in the server's language; positions, details and hints follow on lines of their own.
  absl::string_view line = said.substr(0, said.find('\n'));
  const std::size_t severity = line.find(":  ");
  if (severity != absl::string_view::npos) line.remove_prefix(severity + 3);
  return std::string(absl::StripAsciiWhitespace(line));
}

absl::string_view NameOf(const Failure& failure) {
  const bool none_to_spare =
      failure.fault == Fault::kNeverBegan && failure.no_connection == WhyNotConnected::kNoneToSpare;
  return none_to_spare ? "too_many_connections" : NameOf(failure.fault);
}

bool InDoubt(const Failure& failure) {
  return failure.sent && (failure.overran || failure.fault == Fault::kLost || failure.fault == Fault::kInDoubt);
}

bool ConnectionIsGone(const Failure& failure) {
  return failure.fault == Fault::kNeverBegan || failure.fault == Fault::kLost || failure.fault == Fault::kInDoubt ||
         failure.fault == Fault::kStandby;
}

bool MayRepeat(const Failure& failure) {
  return !failure.overran && !LockedOut(failure) &&
         (failure.fault == Fault::kLost || failure.fault == Fault::kAgain || failure.fault == Fault::kInDoubt);
}

absl::Status ToStatus(const Failure& failure) {
  if (failure.overran) return DeadlinePassedAtWork();
  absl::Status status = ToStatusOfFault(failure);
  return failure.message.empty() ? status : WithCause(std::move(status), failure.message);
}

absl::Status ToCommitStatus(const Failure& failure) {
  return WithOutcome(ToStatus(failure), InDoubt(failure) ? Outcome::kUnknown : Outcome::kNotApplied);
}

}  // namespace authstate::storage
