#ifndef AUTHSTATE_MIGRATIONS_TABLES_BROKEN_KEY_H_
#define AUTHSTATE_MIGRATIONS_TABLES_BROKEN_KEY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"

// Which rows a foreign key is of that does not hold. One that is checked at the end of a transaction names none. Pure.
namespace authstate::tables {

struct BrokenKey {
  // The table that has it.
  std::string table;
  // Refers into the catalogue; null: it is not known, or leads to another schema.
  const Constraint* constraint = nullptr;
};

BrokenKey FindBrokenKey(const Catalogue& catalogue, const DbError& error);

// A SELECT of up to `most` rows that point at nothing, by the columns `key` of their table.
std::string PointingAtNothing(const Catalogue& catalogue, const BrokenKey& broken, const std::vector<std::string>& key,
                              std::size_t most);
// The same of what they point at, by `key` of that table. Empty: they point by other columns.
std::string PointedAt(const Catalogue& catalogue, const BrokenKey& broken, const std::vector<std::string>& key,
                      std::size_t most);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_BROKEN_KEY_H_
