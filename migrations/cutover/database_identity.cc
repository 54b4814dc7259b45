#include "migrations/cutover/database_identity.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace authstate::cutover {
namespace {

constexpr char kIdentity[] =
    "SELECT pg_postmaster_start_time() || ' ' || oid FROM pg_database WHERE datname = current_database()";

absl::StatusOr<std::string> IdentityOf(tables::Database& database) {
  const absl::StatusOr<tables::Rows> rows = database.Read(kIdentity);
  if (!rows.ok()) return rows.status();
  return rows->Text(0, 0);
}

absl::StatusOr<std::pair<std::string, std::string>> IdentitiesOf(tables::TableMove& move) {
  absl::StatusOr<std::string> from = IdentityOf(*move.from);
  if (!from.ok()) return from.status();
  absl::StatusOr<std::string> to = IdentityOf(*move.to);
  if (!to.ok()) return to.status();
  return std::make_pair(*std::move(from), *std::move(to));
}

}  // namespace

absl::Status RefuseLive(tables::TableMove& copies, tables::TableMove& live) {
  const auto before = IdentitiesOf(live);
  const auto rehearsed = IdentitiesOf(copies);
  // A server that was started anew in between would look like another one.
  const auto after = IdentitiesOf(live);
  for (const auto* const read : {&before, &rehearsed, &after}) {
    if (read->ok()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("it cannot be told whether the databases are the live ones: ", read->status().message()));
  }
  if (*before != *after) {
    return absl::FailedPreconditionError("a live server was started anew just now: try again");
  }
  for (const bool from : {true, false}) {
    const std::string& identity = from ? rehearsed->first : rehearsed->second;
    if (identity != before->first && identity != before->second) continue;
    return absl::FailedPreconditionError(absl::StrCat((from ? copies.from : copies.to)->title(), " of --config is ",
                                                      (identity == before->first ? live.from : live.to)->title(),
                                                      " of --live: rehearse on copies of both databases"));
  }
  return absl::OkStatus();
}

}  // namespace authstate::cutover
