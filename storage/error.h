#ifndef AUTHSTATE_STORAGE_ERROR_H_
#define AUTHSTATE_STORAGE_ERROR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Facts that travel with an absl::Status of the storage layer, as payloads, up to the one place that translates them
// for callers. The message of a storage error is written for operators and callers alike: it holds no secret and no raw
// text of a database driver.
namespace authstate::storage {

// Whether a failed commit may have been applied.
enum class Outcome : std::uint8_t {
  kNotApplied,
  // In doubt: the database may have made it durable.
  kUnknown,
};

// Reasons, in the sense of google.rpc.ErrorInfo.reason.
inline constexpr absl::string_view kNoCreds = "NO_CREDS";
inline constexpr absl::string_view kNoSession = "NO_SESSION";
inline constexpr absl::string_view kRevisionMismatch = "REVISION_MISMATCH";
inline constexpr absl::string_view kLeaseHeld = "LEASE_HELD";
inline constexpr absl::string_view kStaleFence = "STALE_FENCE";
inline constexpr absl::string_view kNumberGap = "NUMBER_GAP";
inline constexpr absl::string_view kDatabaseUnavailable = "DATABASE_UNAVAILABLE";
// It takes no writes: a standby, or made read-only.
inline constexpr absl::string_view kDatabaseReadOnly = "DATABASE_READ_ONLY";
// Its file is not the one that its path leads to any more.
inline constexpr absl::string_view kDatabaseMoved = "DATABASE_MOVED";
// It, or a pooler before it, has no connection to spare.
inline constexpr absl::string_view kTooManyConnections = "TOO_MANY_CONNECTIONS";
inline constexpr absl::string_view kDatabaseRefused = "DATABASE_REFUSED";
inline constexpr absl::string_view kSessionLocked = "SESSION_LOCKED";
inline constexpr absl::string_view kQueueFull = "QUEUE_FULL";
inline constexpr absl::string_view kDiskFull = "DISK_FULL";
inline constexpr absl::string_view kDeadlinePassed = "DEADLINE_PASSED";
inline constexpr absl::string_view kResponseTooLarge = "RESPONSE_TOO_LARGE";
inline constexpr absl::string_view kCorruptValue = "CORRUPT_VALUE";
// The keyring has not, or not as it was, the key that a session, or the store as a whole, is encrypted under.
inline constexpr absl::string_view kKeyMissing = "KEY_MISSING";
inline constexpr absl::string_view kKeyringMismatch = "KEYRING_MISMATCH";
inline constexpr absl::string_view kNotPurgeable = "NOT_PURGEABLE";
inline constexpr absl::string_view kNothingExpires = "NOTHING_EXPIRES";
inline constexpr absl::string_view kNoSuchToken = "NO_SUCH_TOKEN";
inline constexpr absl::string_view kTokenExists = "TOKEN_EXISTS";
// Revoked or expired.
inline constexpr absl::string_view kTokenEnded = "TOKEN_ENDED";
// The grant is that of a certificate.
inline constexpr absl::string_view kNoSecret = "NO_SECRET";
// What the tables in force cannot hold, although the contract allows it.
inline constexpr absl::string_view kNotInLayout = "NOT_IN_LAYOUT";
inline constexpr absl::string_view kSchemaUnknown = "SCHEMA_UNKNOWN";
// The file of write-behind is not one, or that of another database.
inline constexpr absl::string_view kNearStoreMismatch = "NEAR_STORE_MISMATCH";
// The database knows sessions at home in a file of this server that is gone.
inline constexpr absl::string_view kHomesLost = "HOMES_LOST";
// So much is written and not flushed that no more may be.
inline constexpr absl::string_view kWriteBehindFull = "WRITE_BEHIND_FULL";
// Writes are held, by word of the operator.
inline constexpr absl::string_view kMaintenance = "MAINTENANCE";
inline constexpr absl::string_view kDatabaseError = "DATABASE_ERROR";

// A status with its reason.
absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message);

// The same status with one more fact; an OK status is returned as it is. The last word on a fact wins.
absl::Status WithOutcome(absl::Status status, Outcome outcome);
absl::Status WithRevision(absl::Status status, std::uint64_t revision);
absl::Status WithFence(absl::Status status, std::uint64_t fence);
// Who holds a lease; empty: nobody.
absl::Status WithOwner(absl::Status status, std::string owner);
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);
// What the database said, for the operator's log alone; without users' data.
absl::Status WithCause(absl::Status status, std::string cause);

// The facts, where they were given.
std::optional<std::string> ReasonOf(const absl::Status& status);
std::optional<Outcome> OutcomeOf(const absl::Status& status);
std::optional<std::uint64_t> RevisionOf(const absl::Status& status);
std::optional<std::uint64_t> FenceOf(const absl::Status& status);
std::optional<std::string> OwnerOf(const absl::Status& status);
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);
std::optional<std::string> CauseOf(const absl::Status& status);

// Errors that every backend words alike. All are NOT_APPLIED where they answer a commit.
absl::Status NoCreds(std::uint64_t revision);
absl::Status NoSession(std::uint64_t revision);
absl::Status RevisionMismatch(std::uint64_t expected, std::uint64_t actual);
// A commit carries a revision over which the session has passed.
absl::Status RevisionPassed(std::uint64_t carried, std::uint64_t actual);
absl::Status NumberGap(std::uint64_t number, std::uint64_t applied_number);
absl::Status QueueFull();
absl::Status DeadlinePassedInQueue();
// A transaction of another program has a lock that is needed. SessionLocked: by a call that does not wait for it.
// LockedTillDeadline: by one that has waited.
absl::Status SessionLocked();
absl::Status LockedTillDeadline();
// Whether it is SessionLocked and nothing has happened.
bool IsSessionLocked(const absl::Status& status);
// The deadline has passed on the way to the database, or there: UNKNOWN.
absl::Status DeadlinePassedAtWork();
absl::Status ResponseTooLarge(std::size_t max_bytes);
absl::Status UnknownValueKind(int kind);
// A value that is not what was written in its place.
absl::Status DamagedValue();
// What is stored of a session contradicts itself: its row, or what else there is of it.
absl::Status DamagedSession();
// `key_id` is one that IsKeyringId (keyring/keyring.h).
absl::Status KeyMissing(absl::string_view key_id);
absl::Status NothingExpires();
// A write is refused for the operator's `reason`; it is worth another try when the retry delay has passed.
absl::Status UnderMaintenance(absl::string_view reason);
absl::Status NoSuchToken();
absl::Status TokenExists();
absl::Status TokenEnded();
absl::Status NoSecret();
// What is stored of the grant of that id is not what was written; of the grants on the whole.
absl::Status DamagedGrant(absl::string_view id);
absl::Status DamagedGrants();

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_ERROR_H_
