#include "migrations/tables/table_move.h"

#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace authstate::tables {
namespace {

constexpr std::int64_t kOldestVersion = 150000;

absl::StatusOr<std::unique_ptr<Database>> Open(const profiles::DatabaseOptions& options, profiles::BackendChoice choice,
                                               const Patience& patience, const Database::Interrupted& interrupted,
                                               TableMove* move) {
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options, choice);
  if (!target.ok()) return target.status();
  std::move(target->warnings.begin(), target->warnings.end(), std::back_inserter(move->warnings));
  return Database::Open(target->options, patience, *move->timer, interrupted);
}

}  // namespace

absl::Status TableMove::ReadCatalogues(const std::string& schema) {
  for (const bool source : {true, false}) {
    Database& database = source ? *from : *to;
    database.UseSchema("");
    absl::StatusOr<Catalogue> catalogue = ReadCatalogue(database, schema);
    database.UseSchema(schema);
    if (!catalogue.ok()) return catalogue.status();
    if (catalogue->version < kOldestVersion) {
      return absl::FailedPreconditionError(
          absl::StrCat(database.title(), " is older than PostgreSQL 15, which tables are moved from and to"));
    }
    (source ? from_catalogue : to_catalogue) = *std::move(catalogue);
  }
  return absl::OkStatus();
}

absl::StatusOr<TableMove> ConnectTableMove(const profiles::DatabaseOptions& options, profiles::BackendChoice from,
                                           profiles::BackendChoice to, const Patience& patience,
                                           const Database::Interrupted& interrupted) {
  TableMove move;
  move.timer = std::make_unique<storage::DeadlineTimer>();
  auto source = Open(options, from, patience, interrupted, &move);
  if (!source.ok()) return source.status();
  auto target = Open(options, to, patience, interrupted, &move);
  if (!target.ok()) return target.status();
  move.from = *std::move(source);
  move.to = *std::move(target);
  if (move.from->location() == move.to->location()) {
    return absl::InvalidArgumentError(absl::StrCat("--from and --to are the same database: ", move.from->location()));
  }
  return move;
}

absl::StatusOr<TableMove> OpenTableMove(const profiles::DatabaseOptions& options, profiles::BackendChoice from,
                                        profiles::BackendChoice to, const std::string& schema, const Patience& patience,
                                        const Database::Interrupted& interrupted) {
  absl::StatusOr<TableMove> move = ConnectTableMove(options, from, to, patience, interrupted);
  if (!move.ok()) return move;
  if (absl::Status read = move->ReadCatalogues(schema); !read.ok()) return read;
  return move;
}

}  // namespace authstate::tables
