#ifndef AUTHSTATE_MIGRATIONS_TABLES_TABLE_ORDER_H_
#define AUTHSTATE_MIGRATIONS_TABLES_TABLE_ORDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"

namespace authstate::tables {

// Tables that are written together: one, or several whose foreign keys lead in a circle.
struct TableGroup {
  // In the order in which they are written, as far as their foreign keys are not deferrable.
  std::vector<std::string> tables;
  // Whether all of it has to be one transaction, whose foreign keys are checked at its end.
  bool one_transaction = false;
};

// In which order rows can be written: what is pointed at comes first. Foreign keys of both databases count; tables that
// none of them orders are in the order of the system that this is for, others by name. Rows are deleted the other way
// round. FailedPrecondition names a circle that no deferrable foreign key of the target opens. Pure.
absl::StatusOr<std::vector<TableGroup>> OrderTables(const Catalogue& from, const Catalogue& to,
                                                    const std::vector<std::string>& tables);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_TABLE_ORDER_H_
