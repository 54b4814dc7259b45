#include "storage/postgres/layout/layout_schema.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "storage/postgres/sql/schema_statements.h"

namespace authstate::storage {

LayoutSchema MakeLayoutSchema(absl::Span<const Migration> (*migrations)(), absl::string_view home,
                              const std::vector<std::string>& tables) {
  LayoutSchema schema{migrations, std::string(home), {}, {}, {}, {}, {}, {}};
  for (const std::string& table : tables) schema.tables.push_back(absl::StrCat(home, ".", table));
  const auto over_its_table = [&schema](const char* sql) {
    return absl::StrReplaceAll(sql, {{"schema_migrations", schema.migrations_table()}});
  };
  schema.applied = over_its_table(schema_statements::kApplied);
  // The schema of others is theirs to make.
  schema.create = absl::StrCat(home == kOwnSchema ? schema_statements::kCreateOwnSchema : "",
                               over_its_table(schema_statements::kCreateTable));
  schema.lock = over_its_table(schema_statements::kLock);
  schema.record = over_its_table(schema_statements::kRecord);
  schema.forget = over_its_table(schema_statements::kForget);
  return schema;
}

}  // namespace authstate::storage
