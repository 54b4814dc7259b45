#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_SCHEMA_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_SCHEMA_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/schema.h"

namespace authstate::storage {

// The schema of PostgreSQL that holds what this program makes in a database that has nothing of it yet.
inline constexpr absl::string_view kOwnSchema = "authstate";

// The files of migrations/postgres and of migrations/postgres_legacy.
absl::Span<const Migration> PostgresMigrations();
absl::Span<const Migration> LegacyMigrations();

// The schema that a layout needs: its migrations, the tables they make, and the statements over the one that remembers
// them (schema_statements.h). Lives as long as the program, as PgConnection wants of statements.
struct LayoutSchema {
  absl::Span<const Migration> (*migrations)();
  // The schema of PostgreSQL that holds them, as SQL writes it: `authstate`, `public`, `"An Odd One"`.
  std::string home;
  // What this program makes: the table that remembers the migrations, first, and the others, each with its schema.
  std::vector<std::string> tables;
  std::string applied;
  std::string create;
  std::string lock;
  std::string record;
  std::string forget;

  const std::string& migrations_table() const { return tables.front(); }
};

// `tables` are named without their schema, which is `home`.
LayoutSchema MakeLayoutSchema(absl::Span<const Migration> (*migrations)(), absl::string_view home,
                              const std::vector<std::string>& tables);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_SCHEMA_H_
