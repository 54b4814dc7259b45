#include "tests/support/legacy_tables.h"

#include <fstream>
#include <sstream>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/support_script.h"
#include "tests/support/test_postgres.h"

namespace authstate::test {
namespace {

absl::Status RunFile(const std::string& url, absl::string_view name) {
  std::ifstream file(SupportScript(name));
  std::ostringstream sql;
  sql << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(name, " cannot be read"));
  return TestPostgres::Run(url, sql.str());
}

}  // namespace

absl::Status CreateLegacyTables(const std::string& url, LegacyTables tables) {
  if (absl::Status plain = RunFile(url, "legacy_tables.sql"); !plain.ok()) return plain;
  return tables == LegacyTables::kDressed ? RunFile(url, "legacy_tables_dressed.sql") : absl::OkStatus();
}

std::string AsApp(const std::string& url) { return absl::StrReplaceAll(url, {{"//postgres@", "//app@"}}); }

}  // namespace authstate::test
