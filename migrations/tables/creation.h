#ifndef AUTHSTATE_MIGRATIONS_TABLES_CREATION_H_
#define AUTHSTATE_MIGRATIONS_TABLES_CREATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"

namespace authstate::tables {

// Statements that make in the target what the source has and it has not. Nothing is changed or taken away that is
// there.
struct Creation {
  // Schema, extensions, types, sequences, tables with their primary keys, partitions, columns, defaults.
  std::vector<std::string> before_rows;
  // What is made faster, or can be made at all, once the rows are there: UNIQUE, CHECK, indexes, foreign keys.
  std::vector<std::string> after_rows;
};

// For `tables` of the source, from what the catalogues say of them; so the program that dumps a server need not be as
// new as it. Triggers, functions, views, policies and rights are not made. Pure.
Creation PlanCreation(const Catalogue& from, const Catalogue& to, const std::vector<std::string>& tables);

// Runs them one after the other, each by itself: what is made stays, and is left out the next time.
absl::Status Create(Database& to, const std::vector<std::string>& statements);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_CREATION_H_
