#include "storage/postgres/session/grants.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/grants/grant_change.h"
#include "storage/grants/grant_row.h"
#include "storage/grants/maintenance_terms.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {
namespace {

constexpr int kMaxSends = 2;

using Action = GrantRequest::Action;

const char* StatementOf(const GrantStatements& statements, Action action) {
  switch (action) {
    case Action::kList:
      return statements.list;
    case Action::kCreate:
      return statements.create;
    case Action::kRotate:
      return statements.rotate;
    case Action::kRevoke:
      return statements.revoke;
    case Action::kGetMaintenance:
      return statements.get_maintenance;
    case Action::kBeginMaintenance:
      return statements.begin_maintenance;
    case Action::kEndMaintenance:
      return statements.end_maintenance;
    case Action::kNoteUses:
      break;
  }
  return statements.note_uses;
}

bool IsOfMaintenance(Action action) {
  return action == Action::kGetMaintenance || action == Action::kBeginMaintenance || action == Action::kEndMaintenance;
}

PgConnection::Parameters ParametersOfMaintenance(const GrantRequest& request, absl::Duration lock_timeout) {
  if (request.action == Action::kGetMaintenance) return {};
  PgArray prefixes = PgArray::Text();
  for (const SessionScope& scope : request.maintenance.allowed) prefixes.AddBytes(scope.id);
  if (request.action == Action::kEndMaintenance) {
    return {EncodeLockTimeout(lock_timeout), std::move(prefixes).Encode()};
  }
  const MaintenanceRow row = ToRow(MaintenanceTerms{request.maintenance, {}});
  return {EncodeLockTimeout(lock_timeout), row.reason,
          EncodePgInt8(row.hold_ms),       row.allowed,
          std::move(prefixes).Encode(),    EncodePgInt8(absl::ToUnixMicros(request.maintenance.since))};
}

absl::StatusOr<GrantResult> UnderstandMaintenance(const pqxx::result& rows) {
  if (rows.empty()) return DamagedGrants();
  GrantResult result;
  MaintenanceRow row;
  ReadRow(rows[0], result.version, result.now, row.since, row.reason, row.hold_ms, row.allowed);
  std::optional<MaintenanceTerms> terms = FromRow(std::move(row));
  if (terms.has_value()) result.maintenance = std::move(terms->present);
  return result;
}

PgConnection::Parameters ParametersOf(const GrantRequest& request, absl::Duration lock_timeout) {
  if (IsOfMaintenance(request.action)) return ParametersOfMaintenance(request, lock_timeout);
  if (request.action == Action::kList) return {EncodePgInt8(static_cast<std::int64_t>(request.known_version))};
  if (request.action == Action::kNoteUses) return EncodeNoteGrantUses(request.uses);
  PgConnection::Parameters parameters = {EncodeLockTimeout(lock_timeout),
                                         EncodePgInt8(static_cast<std::int64_t>(VersionStep())), request.grant.id};
  if (request.action == Action::kRevoke) return parameters;
  const GrantRow row = ToRow(request.grant);
  if (request.action == Action::kCreate) {
    parameters.insert(parameters.end(),
                      {row.label, row.certificate_name, EncodePgInt8(row.rights), row.scopes, row.terms_checksum});
  }
  parameters.push_back(row.verifier);
  parameters.push_back(EncodePgAge(request.time_to_live));
  return parameters;
}

absl::StatusOr<GrantResult> UnderstandUses(const pqxx::result& rows) {
  if (rows.empty()) return DamagedGrants();
  GrantResult result;
  ReadRow(rows[0], result.version, result.now);
  return result;
}

// The answer of any other statement; `done` is that of its last row.
absl::StatusOr<GrantResult> Understand(const pqxx::result& rows, bool* done) {
  if (rows.empty()) return DamagedGrants();
  GrantResult result;
  std::vector<Grant>& grants = result.grants.emplace();
  for (const auto& each : rows) {
    GrantRow row;
    ReadRow(each, *done, result.version, result.now, row.id, row.label, row.certificate_name, row.rights, row.scopes,
            row.terms_checksum, row.verifier, row.create_time, row.expire_time, row.revoke_time, row.last_use_time);
    if (row.id.empty()) continue;
    row.terms_checksum = FromHex(row.terms_checksum);
    row.verifier = FromHex(row.verifier);
    absl::StatusOr<Grant> grant = FromRow(std::move(row));
    if (!grant.ok()) return grant.status();
    grants.push_back(*std::move(grant));
  }
  return result;
}

// What a change that was not done has shown is why. Nullopt: it lost a race.
std::optional<absl::StatusOr<GrantResult>> Refusal(const GrantRequest& request, const GrantResult& shown) {
  const Grant* const present = shown.grants->empty() ? nullptr : &shown.grants->front();
  const absl::StatusOr<GrantChange> change = Change(request, present, shown.now);
  if (!change.ok()) return change.status();
  if (change->changed) return std::nullopt;
  return shown;
}

// Nullopt: a change lost a race.
std::optional<absl::StatusOr<GrantResult>> AnswerOf(const GrantRequest& request, const pqxx::result& rows) {
  if (request.action == Action::kNoteUses) return UnderstandUses(rows);
  if (IsOfMaintenance(request.action)) return UnderstandMaintenance(rows);
  bool done = false;
  absl::StatusOr<GrantResult> result = Understand(rows, &done);
  if (!result.ok()) return result;
  if (request.action == Action::kList) {
    const bool known = request.known_version != 0 && request.known_version == result->version;
    if (known) result->grants.reset();
  } else if (!done) {
    return Refusal(request, *result);
  }
  return result;
}

}  // namespace

PgConnection::Parameters EncodeNoteGrantUses(const std::vector<std::pair<std::string, absl::Duration>>& uses) {
  PgArray ids = PgArray::Text();
  PgArray ages = PgArray::Int8();
  for (const auto& [id, age] : uses) {
    ids.AddBytes(id);
    ages.AddInt8(absl::ToInt64Microseconds(age));
  }
  return {std::move(ids).Encode(), std::move(ages).Encode()};
}

std::optional<absl::StatusOr<GrantResult>> DoGrants(PgConnection& connection, const Layout& layout,
                                                    const GrantRequest& request, bool repeated, absl::Time deadline) {
  const char* const statement = StatementOf(layout.grants, request.action);
  std::optional<absl::StatusOr<GrantResult>> answer;
  for (int i = 1; i <= kMaxSends && !answer.has_value(); ++i) {
    const absl::Duration lock_timeout = LockTimeout(LockPatience(repeated), connection.StatementDeadline(deadline));
    const auto execution = connection.Execute(statement, ParametersOf(request, lock_timeout), deadline);
    if (!execution.failure.has_value()) {
      answer = AnswerOf(request, execution.rows);
      continue;
    }
    if (LockedOut(*execution.failure)) return std::nullopt;
    if (MayRepeat(*execution.failure) && i < kMaxSends) continue;
    const bool reads = request.action == Action::kList || request.action == Action::kGetMaintenance;
    return reads ? ToStatus(*execution.failure) : ToCommitStatus(*execution.failure);
  }
  if (answer.has_value()) return answer;
  // Whoever was before it twice has ended the token, or made another of its id.
  return request.action == Action::kCreate ? TokenExists() : TokenEnded();
}

absl::StatusOr<std::string> ReadStoreId(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  const auto execution = connection.Execute(layout.store_id, {}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  if (execution.rows.empty()) return DamagedGrants();
  return ToText(execution.rows[0][0]);
}

}  // namespace authstate::storage
