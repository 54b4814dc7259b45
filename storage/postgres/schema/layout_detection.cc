#include "storage/postgres/schema/layout_detection.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/schema_statements.h"

namespace authstate::storage {
namespace {

absl::Status NotServed(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown, message);
}

}  // namespace

absl::StatusOr<const Layout*> FindLayout(PgConnection& connection, PostgresLayout named, absl::Time deadline) {
  const auto execution = connection.Execute(schema_statements::kTablesPresent, {}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  bool in_own_schema = false;
  std::string elsewhere;
  bool remembers = false;
  bool has_auth = false;
  bool has_keys = false;
  ReadRow(execution.rows[0], in_own_schema, elsewhere, remembers, has_auth, has_keys);
  const bool has_native = in_own_schema || !elsewhere.empty();

  if (named == PostgresLayout::kDetect && has_native && (has_auth || has_keys)) {
    return NotServed(
        "the database has the tables of both layouts, auth_sessions and whatsapp_auth or whatsapp_keys; say which of "
        "them to serve, with --layout=native or --layout=legacy");
  }
  if (named == PostgresLayout::kNative || (named == PostgresLayout::kDetect && !has_auth && !has_keys)) {
    if (in_own_schema && remembers) {
      return NotServed(absl::StrCat(
          "the database has tables auth_* of this program in two schemas, ", kOwnSchema, " and ", elsewhere,
          ", as when an older version was started after a newer one; look which has your sessions, stop the "
          "servers, and drop, or rename, auth_keys, auth_creds, auth_sessions and auth_schema_migrations of the "
          "other"));
    }
    return &NativeLayout(in_own_schema || elsewhere.empty() ? kOwnSchema : elsewhere);
  }
  if (has_auth && has_keys) return &LegacyLayout();
  const absl::string_view missing = has_auth   ? "whatsapp_keys"
                                    : has_keys ? "whatsapp_auth"
                                               : "whatsapp_auth, whatsapp_keys";
  return NotServed(
      absl::StrCat("the legacy layout needs tables that are not there, or not in the search_path, and are not made "
                   "by this program: ",
                   missing, "; use the database that has them, or --layout=native"));
}

}  // namespace authstate::storage
