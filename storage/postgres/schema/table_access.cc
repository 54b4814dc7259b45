#include "storage/postgres/schema/table_access.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/error.h"
#include "storage/postgres/session/commit_parameters.h"
#include "storage/postgres/session/grants.h"
#include "storage/postgres/session/session_reader.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/table_access_statements.h"

namespace authstate::storage {
namespace {

namespace sql = table_access_statements;

absl::Status NotServed(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown, message);
}

std::string TextArray(const std::vector<std::string>& texts) {
  PgArray array = PgArray::Text();
  for (const std::string& text : texts) array.AddBytes(text);
  return std::move(array).Encode();
}

PgConnection::Parameters TablesAndRoles(const LayoutSchema& schema, const std::vector<std::string>& roles) {
  return {TextArray(schema.tables), TextArray(roles)};
}

std::vector<std::string> AllTables(const Layout& layout) {
  std::vector<std::string> tables = layout.schema.tables;
  tables.insert(tables.end(), layout.tables_of_others.begin(), layout.tables_of_others.end());
  return tables;
}

std::string Listed(const pqxx::result& rows) { return absl::StrJoin(FirstColumn(rows), ", "); }

absl::Status CheckNoneIsDistributed(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  auto execution = connection.Execute(sql::kHasCitus, {}, deadline);
  if (!execution.failure.has_value() && ToBool(execution.rows[0][0])) {
    execution = connection.Execute(sql::kDistributed, {TextArray(AllTables(layout))}, deadline);
  } else {
    execution.rows.clear();
  }
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  if (execution.rows.empty()) return absl::OkStatus();
  return NotServed(absl::StrCat("Citus has distributed ", Listed(execution.rows),
                                ": commits fail on such tables, and reads are torn; take that back with "
                                "undistribute_table(), or use a database without Citus"));
}

absl::Status CheckStatements(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  // Without members they do nothing, but are understood or not: tables, columns, types, rights, the unique keys.
  for (const auto& [statement, parameters] :
       {std::pair(layout.commit, CommitParameters(layout.packs_values).Encode(CommitForm::kAny, 0, absl::Seconds(1))),
        std::pair(layout.read, EncodeReads({})), std::pair(layout.grants.note_uses, EncodeNoteGrantUses({}))}) {
    const auto execution = connection.Execute(statement, parameters, deadline);
    if (!execution.failure.has_value()) continue;
    if (execution.failure->fault != Fault::kNever) return ToStatus(*execution.failure);
    return NotServed(absl::StrCat("the tables of the ", layout.name,
                                  " layout are not as this program needs them, or its role may not read and write them "
                                  "(SQLSTATE ",
                                  execution.failure->sqlstate,
                                  "); where the role is not their owner, the owner runs authstatectl schema protect "
                                  "--allowed-roles=ROLE"));
  }
  return absl::OkStatus();
}

// Tables that are others' to alter.
void WarnOfReaders(PgConnection& connection, const Layout& layout, const PostgresOptions& options,
                   absl::Time deadline) {
  const auto execution = connection.Execute(
      sql::kReaders, {TextArray(layout.tables_of_others), TextArray(options.allowed_roles)}, deadline);
  if (execution.failure.has_value() || execution.rows.empty()) return;
  const std::string roles = Listed(execution.rows);
  options.warn(absl::StrCat("other roles can read or change ", absl::StrJoin(layout.tables_of_others, ", "), ": ",
                            roles,
                            "; whoever has their rights has the sessions. This program does not alter these "
                            "tables: run REVOKE ALL ON ",
                            absl::StrJoin(layout.tables_of_others, ", "), " FROM ", roles,
                            ", or name those that need them in --allowed-roles"));
}

}  // namespace

absl::Status CheckRowsAreVisible(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  const auto execution = connection.Execute(sql::kHiddenRows, {TextArray(AllTables(layout))}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  if (execution.rows.empty()) return absl::OkStatus();
  return NotServed(absl::StrCat("row level security may hide rows of ", Listed(execution.rows),
                                " from this role, and they would read as absent; give the role BYPASSRLS, make it the "
                                "owner, or add a policy FOR ALL USING (true) WITH CHECK (true)"));
}

absl::Status CheckTables(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  if (absl::Status whole = CheckNoneIsDistributed(connection, layout, deadline); !whole.ok()) return whole;
  if (absl::Status understood = CheckStatements(connection, layout, deadline); !understood.ok()) return understood;
  return CheckRowsAreVisible(connection, layout, deadline);
}

absl::Status CheckExposure(PgConnection& connection, const Layout& layout, const PostgresOptions& options,
                           absl::Time deadline) {
  const auto execution =
      connection.Execute(sql::kExposures.text, TablesAndRoles(layout.schema, options.allowed_roles), deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  WarnOfReaders(connection, layout, options, deadline);
  if (execution.rows.empty()) return absl::OkStatus();
  std::set<std::string> roles;
  std::set<std::string> tables;
  for (const auto& row : execution.rows) {
    std::string table;
    std::string what;
    std::string role;
    ReadRow(row, table, what, role);
    tables.insert(table);
    if (!role.empty()) roles.insert(role);
  }
  const std::string what =
      absl::StrCat(roles.empty() ? "row level security is off"
                                 : absl::StrCat("other roles have rights (", absl::StrJoin(roles, ", "), ")"),
                   " on ", absl::StrJoin(tables, ", "), ", which hold the sessions");
  if (options.allow_exposed_tables) {
    options.warn(absl::StrCat(what, "; authstatectl schema protect would close them"));
    return absl::OkStatus();
  }
  return NotServed(absl::StrCat(what,
                                ": run authstatectl schema protect with the database options of this server, "
                                "and with --allowed-roles for roles that need these rights; or start with "
                                "--allow-exposed-tables"));
}

std::vector<std::string> Exposures(RunStatement run, const LayoutSchema& schema,
                                   const std::vector<std::string>& allowed_roles) {
  std::vector<std::string> lines;
  for (const auto& row : run(sql::kExposures.text, TablesAndRoles(schema, allowed_roles))) {
    std::string table;
    std::string what;
    ReadRow(row, table, what);
    lines.push_back(absl::StrCat(table, ": exposed: ", what));
  }
  return lines;
}

absl::Status CheckRolesToProtectFrom(RunStatement run, const LayoutSchema& schema,
                                     const std::vector<std::string>& allowed_roles) {
  const pqxx::result rows = run(sql::kRolesInDoubt.text, TablesAndRoles(schema, allowed_roles));
  std::vector<std::string> in_doubt;
  for (const auto& row : rows) {
    bool exists = false;
    ReadRow(row, in_doubt.emplace_back(), exists);
    if (!exists) return NotServed(absl::StrCat("--allowed-roles: there is no role ", in_doubt.back()));
  }
  if (in_doubt.empty()) return absl::OkStatus();
  const std::string roles = absl::StrJoin(in_doubt, ",");
  return NotServed(absl::StrCat("servers may be logged in as ", roles,
                                ", to which the tables would be closed: name the roles that servers use, as in "
                                "--allowed-roles=",
                                roles, ", and take the rights on ", absl::StrJoin(schema.tables, ", "),
                                " from the others (REVOKE ALL ON … FROM …)"));
}

std::vector<std::string> Protect(RunStatement run, const LayoutSchema& schema,
                                 const std::vector<std::string>& allowed_roles) {
  std::vector<std::string> steps = FirstColumn(run(sql::kProtection.text, TablesAndRoles(schema, allowed_roles)));
  for (const std::string& step : steps) run(step.c_str(), {});
  return steps;
}

}  // namespace authstate::storage
