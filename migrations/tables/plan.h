#ifndef AUTHSTATE_MIGRATIONS_TABLES_PLAN_H_
#define AUTHSTATE_MIGRATIONS_TABLES_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"

namespace authstate::tables {

enum class Severity : std::uint8_t {
  // Nothing is copied before it is settled, or accepted by its id.
  kBlocks,
  // To be known before the move.
  kWarns,
};

// One thing that stands in the way of a move, or that it does not do.
struct Finding {
  Severity severity = Severity::kBlocks;
  // What it is of: `clients.unique-missing.yclients_id,company_id`. The same as long as the finding is the same.
  std::string id;
  // Empty: of the whole database.
  std::string table;
  std::string what;
  // What to do about it; SQL where that is known.
  std::string remedy;
  // Whether --create does that.
  bool created = false;
};

struct PlanRequest {
  std::string schema = "public";
  // Empty: all but those of the auth state.
  std::vector<std::string> tables;
  // `table:column,column` each: what the application names after ON CONFLICT.
  std::vector<std::string> needs;
  // Whether what is missing in the target will be made.
  bool create = false;
  // Ids of findings that are known and accepted.
  std::vector<std::string> accepted;
  // Whether the target is the former database, which did without what only its successor forbids.
  bool way_back = false;
};

struct Plan {
  // Those to be moved, by name.
  std::vector<std::string> tables;
  std::vector<Finding> findings;

  // Those that stand in the way, once what --create makes and what is accepted is set aside.
  std::vector<Finding> Blocking(const PlanRequest& request) const;
};

// Compares the catalogues. InvalidArgument for a table that the source does not have, or a need that cannot be read.
// Pure.
absl::StatusOr<Plan> PlanFrom(const Catalogue& from, const Catalogue& to, const PlanRequest& request);

// The same, and asks the source where the catalogue does not tell.
absl::StatusOr<Plan> MakePlan(Database& from, const Catalogue& from_catalogue, const Catalogue& to_catalogue,
                              const PlanRequest& request);

// The tables of `catalogue` that are moved where none are named: all but those of the auth state.
std::vector<std::string> ApplicationTables(const Catalogue& catalogue);

// Which differences of the schema verify names: those of `plan` that are of tables, not of rights or of the role.
std::vector<Finding> SchemaDifferences(const Plan& plan);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_PLAN_H_
