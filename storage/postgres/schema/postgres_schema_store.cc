#include "storage/postgres/schema/postgres_schema_store.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/connection_probe.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/watchdog.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/schema/layout_detection.h"
#include "storage/postgres/schema/table_access.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/schema_statements.h"

namespace authstate::storage {
namespace {

// A change of a large table takes its time.
constexpr absl::Duration kStatementTimeout = absl::Minutes(30);
// Several who make the first table at the same moment: all but one are refused by a unique index of the catalogue, and
// find the table when they look again.
constexpr int kMaxAttempts = 5;

bool IsRace(const Failure& failure) {
  return failure.sqlstate == "23505" || failure.sqlstate == "42P07" || failure.sqlstate == "42710" ||
         failure.sqlstate == "42P06";
}

absl::Status ToSchemaStatus(const Failure& failure) {
  if (failure.sqlstate == "55P03") {
    return Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable,
                 "somebody else changes the schema or holds its tables, longer than --lock-timeout; try again");
  }
  if (failure.sqlstate == "42501") {
    return Error(absl::StatusCode::kPermissionDenied, kDatabaseRefused,
                 "the role may not do this (SQLSTATE 42501): it must own the tables, and have CREATE on the database");
  }
  const absl::Status status = ToStatus(failure);
  return Error(status.code(), ReasonOf(status).value_or(std::string(kDatabaseError)),
               absl::StrCat("the schema cannot be read or changed: ", status.message()));
}

class PostgresSchemaStore final : public SchemaStore {
 public:
  PostgresSchemaStore(const Conninfo& conninfo, std::vector<std::string> allowed_roles)
      : location_(conninfo.location),
        connection_(conninfo, kStatementTimeout, timer_),
        allowed_roles_(std::move(allowed_roles)) {}

  absl::Status Open(const PostgresOptions& options);

  std::string location() const override { return location_; }
  std::string layout() const override { return std::string(layout_->name); }
  absl::Span<const Migration> known() const override { return schema().migrations(); }

  absl::StatusOr<std::vector<AppliedMigration>> Applied() override;
  absl::Status Begin(absl::Duration lock_timeout) override;
  absl::Status Apply(const Migration& migration) override;
  absl::StatusOr<std::vector<std::string>> Exposures() override;
  absl::StatusOr<std::vector<std::string>> Protect() override;
  absl::Status Revert(const Migration& migration) override;
  absl::Status Commit() override;
  void RollBack() override;
  absl::StatusOr<Structure> Compare(absl::Span<const Migration> migrations) override;

 private:
  const LayoutSchema& schema() const { return layout_->schema; }
  bool native() const { return layout_ != &LegacyLayout(); }

  // Runs one statement; once one has failed, none until RollBack.
  pqxx::result Run(const char* sql, const PgConnection::Parameters& parameters = {});
  auto Runner() {
    return [this](const char* sql, const PgConnection::Parameters& parameters) { return Run(sql, parameters); };
  }
  absl::Status Ended() const { return failure_.has_value() ? ToSchemaStatus(*failure_) : absl::OkStatus(); }
  void TryToBegin(absl::Duration lock_timeout);
  // What the catalogue says of the schema that holds the tables.
  std::vector<Fact> Facts(const LayoutSchema& schema);

  const std::string location_;
  DeadlineTimer timer_;
  PgConnection connection_;
  const std::vector<std::string> allowed_roles_;
  const Layout* layout_ = nullptr;
  bool in_transaction_ = false;
  std::optional<Failure> failure_;
};

absl::Status PostgresSchemaStore::Open(const PostgresOptions& options) {
  if (absl::Status connected = connection_.Connect(); !connected.ok()) return connected;
  const auto layout = FindLayout(connection_, options.layout, absl::Now() + options.call_timeout);
  if (!layout.ok()) return layout.status();
  layout_ = *layout;
  // If rows are hidden from us, migrations look as if they had never been applied.
  return CheckRowsAreVisible(connection_, *layout_, absl::Now() + options.call_timeout);
}

pqxx::result PostgresSchemaStore::Run(const char* sql, const PgConnection::Parameters& parameters) {
  if (failure_.has_value()) return {};
  const absl::Time deadline = absl::Now() + kStatementTimeout;
  PgConnection::Execution execution = in_transaction_ ? connection_.Continue(sql, parameters, deadline)
                                                      : connection_.Execute(sql, parameters, deadline);
  failure_ = std::move(execution.failure);
  return execution.rows;
}

absl::StatusOr<std::vector<AppliedMigration>> PostgresSchemaStore::Applied() {
  std::vector<AppliedMigration> applied;
  const pqxx::result exists = Run(schema_statements::kHasTable, {schema().migrations_table()});
  if (!failure_.has_value() && ToBool(exists[0][0])) {
    for (const auto& row : Run(schema().applied.c_str())) {
      AppliedMigration& migration = applied.emplace_back();
      ReadRow(row, migration.version, migration.checksum, migration.serves_from);
    }
  }
  absl::Status ended = Ended();
  if (!in_transaction_) failure_.reset();
  if (!ended.ok()) return ended;
  return applied;
}

void PostgresSchemaStore::TryToBegin(absl::Duration lock_timeout) {
  Run(schema_statements::kBegin);
  in_transaction_ = true;
  Run(schema_statements::kLockTimeout, {absl::StrCat(absl::ToInt64Milliseconds(lock_timeout))});
  Run(schema_statements::kStatementTimeout, {absl::StrCat(absl::ToInt64Milliseconds(kStatementTimeout))});
  Run(schema_statements::kEnterSchema, {schema().home});
  Run(schema().create.c_str());
  Run(schema().lock.c_str());
}

absl::Status PostgresSchemaStore::Begin(absl::Duration lock_timeout) {
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    TryToBegin(lock_timeout);
    if (!failure_.has_value() || !IsRace(*failure_)) break;
    if (attempt < kMaxAttempts) RollBack();
  }
  return Ended();
}

absl::Status PostgresSchemaStore::Apply(const Migration& migration) {
  if (absl::Status sure = CheckRolesToProtectFrom(Runner(), schema(), allowed_roles_); !sure.ok()) return sure;
  Run(std::string(migration.sql).c_str());
  Run(schema().record.c_str(), {EncodePgInt8(migration.version), std::string(migration.name),
                                std::string(migration.checksum), EncodePgInt8(migration.serves_from)});
  storage::Protect(Runner(), schema(), allowed_roles_);
  return Ended();
}

absl::StatusOr<std::vector<std::string>> PostgresSchemaStore::Exposures() {
  std::vector<std::string> exposures = storage::Exposures(Runner(), schema(), allowed_roles_);
  absl::Status ended = Ended();
  if (!in_transaction_) failure_.reset();
  if (!ended.ok()) return ended;
  return exposures;
}

absl::StatusOr<std::vector<std::string>> PostgresSchemaStore::Protect() {
  if (absl::Status sure = CheckRolesToProtectFrom(Runner(), schema(), allowed_roles_); !sure.ok()) return sure;
  std::vector<std::string> steps = storage::Protect(Runner(), schema(), allowed_roles_);
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  return steps;
}

absl::Status PostgresSchemaStore::Revert(const Migration& migration) {
  Run(std::string(migration.down).c_str());
  Run(schema().forget.c_str(), {EncodePgInt8(migration.version)});
  return Ended();
}

absl::Status PostgresSchemaStore::Commit() {
  Run(schema_statements::kEnd);
  absl::Status ended = Ended();
  if (ended.ok()) in_transaction_ = false;
  return ended;
}

void PostgresSchemaStore::RollBack() {
  if (!in_transaction_) return;
  // Whatever was begun ends with the connection, also when that cannot be told any more.
  connection_.Drop();
  in_transaction_ = false;
  failure_.reset();
}

std::vector<SchemaStore::Fact> PostgresSchemaStore::Facts(const LayoutSchema& schema) {
  std::vector<Fact> facts;
  // So that no line names the schema.
  Run(schema_statements::kEnterSchema, {schema.home});
  for (const auto& row : Run(schema_statements::kStructure, {schema.migrations_table()})) {
    Fact& fact = facts.emplace_back();
    ReadRow(row, fact.first, fact.second);
  }
  return facts;
}

absl::StatusOr<SchemaStore::Structure> PostgresSchemaStore::Compare(absl::Span<const Migration> migrations) {
  const LayoutSchema& aside = native() ? NativeLayout(schema_statements::kVerificationSchema).schema : schema();
  Structure structure;
  Run(schema_statements::kBegin);
  in_transaction_ = true;
  std::vector<Fact> present = Facts(schema());
  Run(native() ? schema_statements::kCreateVerificationSchema : schema_statements::kSetAsideLegacy);
  Run(schema_statements::kEnterSchema, {aside.home});
  Run(aside.create.c_str());
  for (const Migration& migration : migrations) Run(std::string(migration.sql).c_str());
  structure.wanted = Facts(aside);
  absl::Status ended = Ended();
  RollBack();
  if (!ended.ok()) return ended;

  std::set<std::string> ours;
  for (const Fact& fact : structure.wanted) ours.insert(fact.first);
  std::copy_if(std::make_move_iterator(present.begin()), std::make_move_iterator(present.end()),
               std::back_inserter(structure.present), [&ours](const Fact& fact) { return ours.count(fact.first) > 0; });
  return structure;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SchemaStore>> OpenPostgresSchemaStore(const PostgresOptions& options) {
  const auto conninfo = ParseConninfo(options.url, options.connect_timeout);
  if (!conninfo.ok()) return conninfo.status();
  const auto facts = ProbeConnection(*conninfo, options.name, options.connect_timeout);
  if (!facts.ok()) return facts.status();
  auto store = std::make_unique<PostgresSchemaStore>(*conninfo, options.allowed_roles);
  if (absl::Status opened = store->Open(options); !opened.ok()) return opened;
  return store;
}

}  // namespace authstate::storage
