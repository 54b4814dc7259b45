#include "migrations/cutover/client_sessions.h"

#include <cstddef>

#include "absl/strings/str_replace.h"
#include "migrations/tables/sql_text.h"

namespace authstate::cutover {
namespace {

// The type is hidden of a session whose role is neither ours nor one that we are in; it counts then.
constexpr char kSessions[] = R"(
SELECT usename, coalesce(application_name, ''), coalesce(host(client_addr), ''), count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
  AND coalesce(backend_type, '') NOT IN ('parallel worker', 'autovacuum worker')
  AND NOT (usename = session_user AND coalesce(application_name, '') = $OURS)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3)";

}  // namespace

absl::StatusOr<std::vector<ClientSessions>> ReadClientSessions(tables::Database& database) {
  const absl::StatusOr<tables::Rows> rows =
      database.Read(absl::StrReplaceAll(kSessions, {{"$OURS", tables::QuoteLiteral(tables::kApplicationName)}}));
  if (!rows.ok()) return rows.status();
  std::vector<ClientSessions> sessions;
  sessions.reserve(static_cast<std::size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    sessions.push_back(
        {database.title(), rows->Text(row, 0), rows->Text(row, 1), rows->Text(row, 2), rows->Int(row, 3)});
  }
  return sessions;
}

absl::StatusOr<MayConnect> ParseMayConnect(absl::string_view text) {
  const std::size_t slash = text.find('/');
  MayConnect allowed;
  allowed.role = std::string(text.substr(0, slash));
  if (allowed.role.empty()) return absl::InvalidArgumentError("--may-connect: ROLE or ROLE/APPLICATION is expected");
  if (slash != absl::string_view::npos) allowed.application = std::string(text.substr(slash + 1));
  return allowed;
}

}  // namespace authstate::cutover
