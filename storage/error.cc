#include "storage/error.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace authstate::storage {
namespace {

constexpr absl::string_view kReasonPayload = "authstate.storage/reason";
constexpr absl::string_view kOutcomePayload = "authstate.storage/outcome";
constexpr absl::string_view kRevisionPayload = "authstate.storage/revision";
constexpr absl::string_view kFencePayload = "authstate.storage/fence";
constexpr absl::string_view kOwnerPayload = "authstate.storage/owner";
constexpr absl::string_view kRetryDelayPayload = "authstate.storage/retry-delay-ms";
constexpr absl::string_view kCausePayload = "authstate.storage/cause";

absl::Status With(absl::Status status, absl::string_view payload, std::string value) {
  if (!status.ok()) status.SetPayload(payload, absl::Cord(std::move(value)));
  return status;
}

std::optional<std::string> Fact(const absl::Status& status, absl::string_view payload) {
  const auto fact = status.GetPayload(payload);
  if (!fact.has_value()) return std::nullopt;
  return std::string(*fact);
}

std::optional<std::uint64_t> NumberFact(const absl::Status& status, absl::string_view payload) {
  const std::optional<std::string> fact = Fact(status, payload);
  std::uint64_t number = 0;
  if (!fact.has_value() || !absl::SimpleAtoi(*fact, &number)) return std::nullopt;
  return number;
}

}  // namespace

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return With(absl::Status(code, message), kReasonPayload, std::string(reason));
}

absl::Status WithOutcome(absl::Status status, Outcome outcome) {
  return With(std::move(status), kOutcomePayload, outcome == Outcome::kUnknown ? "UNKNOWN" : "NOT_APPLIED");
}

absl::Status WithRevision(absl::Status status, std::uint64_t revision) {
  return With(std::move(status), kRevisionPayload, absl::StrCat(revision));
}

absl::Status WithFence(absl::Status status, std::uint64_t fence) {
  return With(std::move(status), kFencePayload, absl::StrCat(fence));
}

absl::Status WithOwner(absl::Status status, std::string owner) {
  return With(std::move(status), kOwnerPayload, std::move(owner));
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  return With(std::move(status), kRetryDelayPayload, absl::StrCat(absl::ToInt64Milliseconds(delay)));
}

absl::Status WithCause(absl::Status status, std::string cause) {
  return With(std::move(status), kCausePayload, std::move(cause));
}

std::optional<std::string> ReasonOf(const absl::Status& status) { return Fact(status, kReasonPayload); }

std::optional<Outcome> OutcomeOf(const absl::Status& status) {
  const std::optional<std::string> fact = Fact(status, kOutcomePayload);
  if (!fact.has_value()) return std::nullopt;
  return *fact == "UNKNOWN" ? Outcome::kUnknown : Outcome::kNotApplied;
}

std::optional<std::uint64_t> RevisionOf(const absl::Status& status) { return NumberFact(status, kRevisionPayload); }

std::optional<std::uint64_t> FenceOf(const absl::Status& status) { return NumberFact(status, kFencePayload); }

std::optional<std::string> OwnerOf(const absl::Status& status) { return Fact(status, kOwnerPayload); }

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const std::optional<std::string> fact = Fact(status, kRetryDelayPayload);
  std::int64_t milliseconds = 0;
  if (!fact.has_value() || !absl::SimpleAtoi(*fact, &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

std::optional<std::string> CauseOf(const absl::Status& status) { return Fact(status, kCausePayload); }

absl::Status NoCreds(std::uint64_t revision) {
  return WithRevision(
      WithOutcome(Error(absl::StatusCode::kNotFound, kNoCreds, "the session has no credentials"), Outcome::kNotApplied),
      revision);
}

absl::Status NoSession(std::uint64_t revision) {
  return WithRevision(
      WithOutcome(Error(absl::StatusCode::kNotFound, kNoSession, "there is no such session"), Outcome::kNotApplied),
      revision);
}

absl::Status RevisionMismatch(std::uint64_t expected, std::uint64_t actual) {
  return WithRevision(
      WithOutcome(Error(absl::StatusCode::kAborted, kRevisionMismatch,
                        absl::StrCat("expected_revision: is ", expected, ", but the session is at revision ", actual)),
                  Outcome::kNotApplied),
      actual);
}

absl::Status RevisionPassed(std::uint64_t carried, std::uint64_t actual) {
  return WithRevision(WithOutcome(Error(absl::StatusCode::kAborted, kRevisionMismatch,
                                        absl::StrCat("the revision ", carried,
                                                     " is to be carried over, but the session is at ", actual)),
                                  Outcome::kNotApplied),
                      actual);
}

absl::Status NumberGap(std::uint64_t number, std::uint64_t applied_number) {
  return WithOutcome(
      Error(absl::StatusCode::kFailedPrecondition, kNumberGap,
            absl::StrCat("number: is ", number, ", but the last one applied under this fence is ", applied_number)),
      Outcome::kNotApplied);
}

absl::Status QueueFull() {
  return WithRetryDelay(WithOutcome(Error(absl::StatusCode::kResourceExhausted, kQueueFull,
                                          "the queue to the database is full; try again later"),
                                    Outcome::kNotApplied),
                        absl::Milliseconds(100));
}

absl::Status DeadlinePassedInQueue() {
  return WithOutcome(Error(absl::StatusCode::kDeadlineExceeded, kDeadlinePassed,
                           "the deadline passed before the database could take the request"),
                     Outcome::kNotApplied);
}

absl::Status SessionLocked() {
  return WithRetryDelay(WithOutcome(Error(absl::StatusCode::kUnavailable, kSessionLocked,
                                          "another transaction of the database has locked the session; try again"),
                                    Outcome::kNotApplied),
                        absl::Milliseconds(100));
}

absl::Status LockedTillDeadline() {
  return WithOutcome(Error(absl::StatusCode::kDeadlineExceeded, kDeadlinePassed,
                           "another transaction of the database held a lock until the deadline had passed; look for it "
                           "in pg_locks"),
                     Outcome::kNotApplied);
}

bool IsSessionLocked(const absl::Status& status) {
  return !status.ok() && ReasonOf(status) == kSessionLocked && OutcomeOf(status) == Outcome::kNotApplied;
}

absl::Status DeadlinePassedAtWork() {
  return WithOutcome(
      Error(absl::StatusCode::kDeadlineExceeded, kDeadlinePassed, "the deadline passed while the database was at work"),
      Outcome::kUnknown);
}

absl::Status ResponseTooLarge(std::size_t max_bytes) {
  return Error(absl::StatusCode::kResourceExhausted, kResponseTooLarge,
               absl::StrCat("keys: their values exceed ", max_bytes, " bytes; ask for fewer, or use LoadSession"));
}

absl::Status UnknownValueKind(int kind) {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue, absl::StrCat("a stored value has the unknown kind ", kind));
}

absl::Status DamagedValue() {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               "a stored value is damaged: it is not what was written there");
}

absl::Status DamagedSession() {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               "what is stored of the session is damaged: something of it is missing, or is not what was written");
}

absl::Status KeyMissing(absl::string_view key_id) {
  return Error(absl::StatusCode::kDataLoss, kKeyMissing,
               absl::StrCat("the session is encrypted under the key \"", key_id,
                            "\", which the keyring of this server lacks; start it with a keyring that has the key"));
}

absl::Status UnderMaintenance(absl::string_view reason) {
  constexpr absl::Duration kRetryDelay = absl::Seconds(1);
  const absl::Status status = Error(absl::StatusCode::kUnavailable, kMaintenance,
                                    absl::StrCat("nothing is written, for maintenance: ", reason));
  return WithOutcome(WithRetryDelay(status, kRetryDelay), Outcome::kNotApplied);
}

absl::Status NothingExpires() {
  return WithOutcome(
      Error(absl::StatusCode::kFailedPrecondition, kNothingExpires,
            "keys do not expire in this store; only the tables whatsapp_auth and whatsapp_keys have expired ones"),
      Outcome::kNotApplied);
}

absl::Status NoSuchToken() {
  return WithOutcome(Error(absl::StatusCode::kNotFound, kNoSuchToken, "there is no such token"), Outcome::kNotApplied);
}

absl::Status TokenExists() {
  return WithOutcome(Error(absl::StatusCode::kAlreadyExists, kTokenExists, "there is another token of this id"),
                     Outcome::kNotApplied);
}

absl::Status TokenEnded() {
  return WithOutcome(Error(absl::StatusCode::kFailedPrecondition, kTokenEnded,
                           "the token has been revoked or has expired; create another"),
                     Outcome::kNotApplied);
}

absl::Status NoSecret() {
  return WithOutcome(Error(absl::StatusCode::kFailedPrecondition, kNoSecret,
                           "these are the rights of a certificate, which has no secret to rotate; replace the "
                           "certificate instead"),
                     Outcome::kNotApplied);
}

absl::Status DamagedGrant(absl::string_view id) {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               absl::StrCat("what is stored of the token ", absl::CHexEscape(id),
                            " is damaged: it is not what was written there"));
}

absl::Status DamagedGrants() {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               "what is stored of the tokens is damaged: their version is gone");
}

}  // namespace authstate::storage
