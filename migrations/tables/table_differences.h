#ifndef AUTHSTATE_MIGRATIONS_TABLES_TABLE_DIFFERENCES_H_
#define AUTHSTATE_MIGRATIONS_TABLES_TABLE_DIFFERENCES_H_

#include <vector>

#include "migrations/tables/catalogue.h"
#include "migrations/tables/plan.h"

namespace authstate::tables {

// How the table of the target differs from the one of the source, as far as catalogues tell: columns, keys,
// constraints, partitions, triggers, policies. Pure.
std::vector<Finding> DifferencesOf(const Table& source, const Table& target);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_TABLE_DIFFERENCES_H_
