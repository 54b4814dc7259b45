#include "storage/postgres/schema/postgres_schema.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/schema/table_access.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/schema_statements.h"

namespace authstate::storage {
namespace {

// Two servers that make the first table at the same moment: the second is refused by a unique index of the catalogue,
// IF NOT EXISTS or not, and finds the table when it looks again.
constexpr int kMaxAttempts = 5;

bool IsRace(const Failure& failure) {
  return failure.fault == Fault::kAgain || failure.sqlstate == "23505" || failure.sqlstate == "42P07" ||
         failure.sqlstate == "42710" || failure.sqlstate == "42P06";
}

// One try. Once something has failed, it answers that failure and does nothing more.
class SchemaChange {
 public:
  SchemaChange(PgConnection& connection, const LayoutSchema& schema, absl::Time deadline)
      : connection_(connection), schema_(schema), deadline_(deadline) {}

  absl::Status CheckEncoding();
  absl::StatusOr<std::vector<AppliedMigration>> Applied();
  // In one transaction, under a lock that makes others wait: plans again, then applies.
  absl::Status Migrate(bool migrate, const std::vector<std::string>& allowed_roles);

  const std::optional<Failure>& failure() const { return failure_; }

 private:
  pqxx::result Run(const char* sql, const PgConnection::Parameters& parameters = {});
  absl::Status Failed() const;

  PgConnection& connection_;
  const LayoutSchema& schema_;
  const absl::Time deadline_;
  std::optional<Failure> failure_;
  bool in_transaction_ = false;
};

pqxx::result SchemaChange::Run(const char* sql, const PgConnection::Parameters& parameters) {
  if (failure_.has_value()) return {};
  PgConnection::Execution execution = in_transaction_ ? connection_.Continue(sql, parameters, deadline_)
                                                      : connection_.Execute(sql, parameters, deadline_);
  failure_ = std::move(execution.failure);
  return execution.rows;
}

absl::Status SchemaChange::Failed() const {
  const absl::Status status = ToStatus(*failure_);
  return {status.code(), absl::StrCat("the schema cannot be read or made: ", status.message())};
}

absl::Status SchemaChange::CheckEncoding() {
  const pqxx::result rows = Run(schema_statements::kServerEncoding);
  if (failure_.has_value()) return Failed();
  if (ToText(rows[0][0]) == "UTF8") return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown,
               "the database does not keep its text as UTF-8; create it with ENCODING 'UTF8'");
}

absl::StatusOr<std::vector<AppliedMigration>> SchemaChange::Applied() {
  const pqxx::result has_schema = Run(schema_statements::kHasTable, {schema_.migrations_table()});
  if (failure_.has_value()) return Failed();
  std::vector<AppliedMigration> applied;
  if (!ToBool(has_schema[0][0])) return applied;
  const pqxx::result rows = Run(schema_.applied.c_str());
  if (failure_.has_value()) return Failed();
  for (const auto& row : rows) {
    AppliedMigration& migration = applied.emplace_back();
    ReadRow(row, migration.version, migration.checksum, migration.serves_from);
  }
  return applied;
}

absl::Status SchemaChange::Migrate(bool migrate, const std::vector<std::string>& allowed_roles) {
  Run(schema_statements::kBegin);
  in_transaction_ = true;
  Run(schema_statements::kStatementTimeout, {EncodeLockTimeout(deadline_ - absl::Now())});
  Run(schema_statements::kEnterSchema, {schema_.home});
  Run(schema_.create.c_str());
  Run(schema_.lock.c_str());
  const auto applied = Applied();
  if (!applied.ok()) return applied.status();
  const auto plan = PlanMigrations(schema_.migrations(), *applied, migrate);
  if (!plan.ok()) return plan.status();
  const auto run = [this](const char* sql, const PgConnection::Parameters& parameters) { return Run(sql, parameters); };
  if (absl::Status sure = CheckRolesToProtectFrom(run, schema_, allowed_roles); !sure.ok()) return sure;
  for (const Migration& migration : *plan) {
    Run(std::string(migration.sql).c_str());
    Run(schema_.record.c_str(), {EncodePgInt8(migration.version), std::string(migration.name),
                                 std::string(migration.checksum), EncodePgInt8(migration.serves_from)});
  }
  Protect(run, schema_, allowed_roles);
  Run(schema_statements::kEnd);
  return failure_.has_value() ? Failed() : absl::OkStatus();
}

}  // namespace

absl::StatusOr<EnsuredSchema> EnsurePostgresSchema(PgConnection& connection, const LayoutSchema& schema, bool migrate,
                                                   const std::vector<std::string>& allowed_roles, absl::Time deadline) {
  for (int attempt = 1;; ++attempt) {
    SchemaChange change(connection, schema, deadline);
    if (absl::Status encoding = change.CheckEncoding(); !encoding.ok()) return encoding;
    const auto applied = change.Applied();
    if (!applied.ok()) return applied.status();
    const auto plan = PlanMigrations(schema.migrations(), *applied, migrate);
    if (!plan.ok()) return plan.status();
    if (plan->empty()) return EnsuredSchema{VersionOf(*applied), false};

    const absl::Status migrated = change.Migrate(migrate, allowed_roles);
    if (migrated.ok()) return EnsuredSchema{schema.migrations().back().version, applied->empty()};
    // Whatever was begun ends with the connection.
    connection.Drop();
    if (!change.failure().has_value() || !IsRace(*change.failure())) return migrated;
    if (attempt == kMaxAttempts) {
      return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown,
                   "the database has tables named like those of this program (auth_*, or authstate.legacy_*) that are "
                   "not of this program; use a database of its own");
    }
  }
}

}  // namespace authstate::storage
