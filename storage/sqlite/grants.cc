#include "storage/sqlite/grants.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/grants/grant_change.h"
#include "storage/grants/grant_row.h"
#include "storage/grants/maintenance_terms.h"
#include "storage/lease.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

std::optional<absl::Time> TimeColumn(SQLite::Statement& select, int column) {
  if (select.isColumnNull(column)) return std::nullopt;
  return absl::FromUnixMicros(select.getColumn(column).getInt64());
}

void BindTime(SQLite::Statement& statement, int index, const std::optional<absl::Time>& time) {
  if (time.has_value()) {
    statement.bind(index, absl::ToUnixMicros(*time));
  } else {
    statement.bind(index);
  }
}

// The grant in the columns after the version; nullopt when the row has none.
absl::StatusOr<std::optional<Grant>> GrantColumns(SQLite::Statement& select) {
  if (select.isColumnNull(1)) return std::nullopt;
  absl::StatusOr<Grant> grant = FromRow({TextColumn(select, 1), TextColumn(select, 2), TextColumn(select, 3),
                                         select.getColumn(4).getInt64(), TextColumn(select, 5), TextColumn(select, 6),
                                         TextColumn(select, 7), absl::FromUnixMicros(select.getColumn(8).getInt64()),
                                         TimeColumn(select, 9), TimeColumn(select, 10), TimeColumn(select, 11)});
  if (!grant.ok()) return grant.status();
  return *std::move(grant);
}

struct Found {
  std::uint64_t version = 0;
  std::vector<Grant> grants;
};

absl::StatusOr<Found> Select(SQLite::Statement& select) {
  Found found;
  bool has_version = false;
  absl::Status sound;
  while (sound.ok() && select.executeStep()) {
    has_version = true;
    found.version = static_cast<std::uint64_t>(select.getColumn(0).getInt64());
    absl::StatusOr<std::optional<Grant>> grant = GrantColumns(select);
    sound.Update(grant.status());
    if (grant.ok() && grant->has_value()) found.grants.push_back(**std::move(grant));
  }
  select.reset();
  if (!sound.ok()) return sound;
  if (!has_version) return DamagedGrants();
  return found;
}

// `id` may be anything: nothing has an empty one.
absl::StatusOr<Found> SelectOne(SqliteConnection& connection, const std::string& id) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectGrant);
  BindText(select, 1, id);
  absl::StatusOr<Found> found = Select(select);
  if (!found.ok()) return WithOutcome(found.status(), Outcome::kNotApplied);
  return found;
}

void Upsert(SqliteConnection& connection, const Grant& grant) {
  const GrantRow row = ToRow(grant);
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertGrant);
  BindText(upsert, 1, row.id);
  BindText(upsert, 2, row.label);
  BindText(upsert, 3, row.certificate_name);
  upsert.bind(4, row.rights);
  BindText(upsert, 5, row.scopes);
  BindBlob(upsert, 6, row.terms_checksum);
  BindBlob(upsert, 7, row.verifier);
  upsert.bind(8, absl::ToUnixMicros(row.create_time));
  BindTime(upsert, 9, row.expire_time);
  BindTime(upsert, 10, row.revoke_time);
  BindTime(upsert, 11, row.last_use_time);
  Run(upsert);
}

absl::StatusOr<GrantResult> NoteUses(SqliteConnection& connection, const GrantRequest& request, absl::Time now) {
  // No grant is selected: the answer has the version all the same.
  const absl::StatusOr<Found> none = SelectOne(connection, {});
  if (!none.ok()) return none.status();
  for (const auto& [id, age] : request.uses) {
    absl::StatusOr<Found> found = SelectOne(connection, id);
    if (!found.ok()) return found.status();
    if (!found->grants.empty() && NoteUse(now - age, &found->grants.front())) {
      Upsert(connection, found->grants.front());
    }
  }
  return GrantResult{none->version, now, std::nullopt};
}

void SetMaintenance(SqliteConnection& connection, const std::optional<MaintenanceTerms>& terms) {
  const MaintenanceRow row = terms.has_value() ? ToRow(*terms) : MaintenanceRow();
  SQLite::Statement& set = connection.Prepare(sql::kSetMaintenance);
  BindTime(set, 1, row.since);
  BindText(set, 2, row.reason);
  set.bind(3, row.hold_ms);
  BindText(set, 4, row.allowed);
  BindText(set, 5, row.opened);
  Run(set);
}

struct FoundTerms {
  std::uint64_t version = 0;
  std::optional<MaintenanceTerms> terms;
};

absl::StatusOr<FoundTerms> SelectTerms(SqliteConnection& connection) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectMaintenance);
  if (!select.executeStep()) {
    select.reset();
    return DamagedGrants();
  }
  FoundTerms found;
  found.version = static_cast<std::uint64_t>(select.getColumn(0).getInt64());
  found.terms = FromRow({TimeColumn(select, 1), TextColumn(select, 2), select.getColumn(3).getInt64(),
                         TextColumn(select, 4), TextColumn(select, 5)});
  select.reset();
  return found;
}

std::vector<std::string> LeasedAt(SqliteConnection& connection, absl::Time time) {
  std::vector<std::string> session_ids;
  SQLite::Statement& select = connection.Prepare(sql::kSelectLeasedAt);
  select.bind(1, absl::ToUnixMicros(time));
  while (select.executeStep()) session_ids.push_back(TextColumn(select, 0));
  select.reset();
  return session_ids;
}

void LetLeasesLiveOn(SqliteConnection& connection, const MaintenanceTerms& before, const GrantRequest& request,
                     absl::Time now) {
  for (const std::string& session_id : LeasedAt(connection, before.present.since)) {
    absl::StatusOr<SessionRow> row = SelectSessionRow(connection, session_id, now);
    if (!row.ok()) continue;
    const std::optional<absl::Time> until = LivesOnUntil(session_id, row->lease, before, request, now);
    if (!until.has_value()) continue;
    row->lease.expire_time = *until;
    row->lease_ttl = std::max(row->lease_ttl, *until - now);
    UpsertSessionRow(connection, session_id, *row);
  }
}

}  // namespace

absl::StatusOr<GrantResult> ListGrants(SqliteConnection& connection, std::uint64_t known_version, absl::Time now) {
  SQLite::Statement& select = connection.Prepare(sql::kListGrants);
  select.bind(1, static_cast<std::int64_t>(known_version));
  absl::StatusOr<Found> found = Select(select);
  if (!found.ok()) return found.status();
  GrantResult result{found->version, now, std::nullopt};
  if (known_version == 0 || known_version != found->version) result.grants = std::move(found->grants);
  return result;
}

absl::StatusOr<GrantResult> ApplyGrantRequest(SqliteConnection& connection, const GrantRequest& request,
                                              absl::Time now) {
  if (request.action == GrantRequest::Action::kNoteUses) return NoteUses(connection, request, now);
  absl::StatusOr<Found> found = SelectOne(connection, request.grant.id);
  if (!found.ok()) return found.status();
  absl::StatusOr<GrantChange> change = Change(request, found->grants.empty() ? nullptr : &found->grants.front(), now);
  if (!change.ok()) return change.status();
  if (change->changed) {
    found->version += VersionStep();
    Upsert(connection, change->grant);
    SQLite::Statement& set_version = connection.Prepare(sql::kSetGrantsVersion);
    set_version.bind(1, static_cast<std::int64_t>(found->version));
    Run(set_version);
  }
  return GrantResult{found->version, now, std::vector<Grant>{std::move(change->grant)}};
}

absl::StatusOr<GrantResult> SelectMaintenance(SqliteConnection& connection, absl::Time now) {
  absl::StatusOr<FoundTerms> found = SelectTerms(connection);
  if (!found.ok()) return found.status();
  GrantResult result{found->version, now, std::nullopt};
  if (found->terms.has_value()) result.maintenance = std::move(found->terms->present);
  return result;
}

absl::StatusOr<GrantResult> ApplyMaintenanceRequest(SqliteConnection& connection, const GrantRequest& request,
                                                    absl::Time now) {
  const absl::StatusOr<FoundTerms> before = SelectTerms(connection);
  if (!before.ok()) return WithOutcome(before.status(), Outcome::kNotApplied);
  std::optional<MaintenanceTerms> after;
  if (request.action == GrantRequest::Action::kBeginMaintenance) {
    after = Begun(before->terms, request.maintenance, now);
  }
  if (before->terms.has_value()) LetLeasesLiveOn(connection, *before->terms, request, now);
  SetMaintenance(connection, after);
  GrantResult result{before->version, now, std::nullopt};
  if (after.has_value()) result.maintenance = std::move(after->present);
  return result;
}

void ReplaceGrants(SqliteConnection& connection, const GrantResult& listed) {
  if (!listed.grants.has_value()) return;
  // What was listed before may be told after what was listed later.
  const absl::StatusOr<GrantResult> kept = ListGrants(connection, listed.version, listed.now);
  if (kept.ok() && kept->version > listed.version) return;
  Run(connection.Prepare(sql::kDeleteGrants));
  for (const Grant& grant : *listed.grants) Upsert(connection, grant);
  SQLite::Statement& set = connection.Prepare(sql::kSetGrantsVersion);
  set.bind(1, static_cast<std::int64_t>(listed.version));
  Run(set);
}

}  // namespace authstate::storage
