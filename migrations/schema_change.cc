#include "migrations/schema_change.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace authstate::migrations {
namespace {

using storage::AppliedMigration;
using storage::Migration;
using storage::SchemaStore;

// One transaction: plans under the lock, carries out some of the plan, and returns that.
template <typename Plan, typename Step>
absl::StatusOr<std::vector<Migration>> ChangeOnce(SchemaStore& store, absl::Duration lock_timeout, Plan plan,
                                                  Step step) {
  const absl::Cleanup roll_back = [&store] { store.RollBack(); };
  if (absl::Status begun = store.Begin(lock_timeout); !begun.ok()) return begun;
  const absl::StatusOr<std::vector<AppliedMigration>> applied = store.Applied();
  if (!applied.ok()) return applied.status();
  absl::StatusOr<std::vector<Migration>> migrations = plan(*applied);
  if (!migrations.ok()) return migrations;
  for (const Migration& migration : *migrations) {
    if (absl::Status done = step(migration); !done.ok()) {
      return absl::Status(done.code(),
                          absl::StrCat("migration ", migration.version, " (", migration.name, "): ", done.message()));
    }
  }
  if (absl::Status committed = store.Commit(); !committed.ok()) return committed;
  return migrations;
}

// Again and again, until nothing is left to do.
template <typename Plan, typename Step>
absl::StatusOr<int> ChangeAll(SchemaStore& store, absl::Duration lock_timeout, const Progress& progress, Plan plan,
                              Step step) {
  int count = 0;
  while (true) {
    const auto done = ChangeOnce(store, lock_timeout, plan, step);
    if (!done.ok()) return done.status();
    if (done->empty()) return count;
    for (const Migration& migration : *done) progress(migration);
    count += static_cast<int>(done->size());
  }
}

// The lines of comment that a file begins with, as one.
std::string FirstComment(absl::string_view sql) {
  std::vector<absl::string_view> lines;
  for (absl::string_view line : absl::StrSplit(sql, '\n')) {
    if (!absl::ConsumePrefix(&line, "--")) break;
    lines.push_back(absl::StripAsciiWhitespace(line));
  }
  return absl::StrJoin(lines, " ");
}

void KeepFirst(std::vector<Migration>& migrations) {
  if (migrations.size() > 1) migrations.resize(1);
}

std::vector<std::string> Lines(const std::vector<SchemaStore::Fact>& facts, absl::string_view what) {
  std::vector<std::string> lines;
  lines.reserve(facts.size());
  for (const SchemaStore::Fact& fact : facts) lines.push_back(absl::StrCat(fact.first, ": ", what, ": ", fact.second));
  return lines;
}

std::vector<SchemaStore::Fact> Without(const std::vector<SchemaStore::Fact>& facts,
                                       const std::vector<SchemaStore::Fact>& others) {
  std::vector<SchemaStore::Fact> left;
  std::copy_if(facts.begin(), facts.end(), std::back_inserter(left), [&others](const SchemaStore::Fact& fact) {
    return std::find(others.begin(), others.end(), fact) == others.end();
  });
  return left;
}

}  // namespace

absl::StatusOr<SchemaState> ReadSchemaState(SchemaStore& store) {
  absl::StatusOr<std::vector<AppliedMigration>> applied = store.Applied();
  if (!applied.ok()) return applied.status();
  auto pending = storage::PlanMigrations(store.known(), *applied, /*migrate=*/true);
  if (!pending.ok()) return pending.status();
  return SchemaState{storage::VersionOf(*applied), store.known().back().version, *std::move(applied),
                     *std::move(pending)};
}

absl::StatusOr<int> UpgradeSchema(SchemaStore& store, absl::Duration lock_timeout, const Progress& progress) {
  return ChangeAll(
      store, lock_timeout, progress,
      [&store](const std::vector<AppliedMigration>& applied) {
        auto plan = storage::PlanMigrations(store.known(), applied, /*migrate=*/true);
        if (plan.ok() && !applied.empty()) KeepFirst(*plan);
        return plan;
      },
      [&store](const Migration& migration) { return store.Apply(migration); });
}

absl::StatusOr<int> RollBackSchema(SchemaStore& store, std::uint32_t to, absl::Duration lock_timeout,
                                   const Progress& progress) {
  return ChangeAll(
      store, lock_timeout, progress,
      [&store, to](const std::vector<AppliedMigration>& applied) {
        auto plan = storage::PlanRollback(store.known(), applied, to);
        if (plan.ok()) KeepFirst(*plan);
        return plan;
      },
      [&store](const Migration& migration) {
        absl::Status reverted = store.Revert(migration);
        if (reverted.ok()) return reverted;
        return absl::Status(reverted.code(),
                            absl::StrCat(reverted.message(), ". Of taking it back: ", FirstComment(migration.down)));
      });
}

absl::StatusOr<std::vector<std::string>> ProtectSchema(SchemaStore& store, absl::Duration lock_timeout, bool dry_run) {
  const absl::StatusOr<SchemaState> state = ReadSchemaState(store);
  if (!state.ok()) return state.status();
  if (state->version == 0) return absl::NotFoundError("the database has no schema of authstate yet");
  const absl::Cleanup roll_back = [&store] { store.RollBack(); };
  if (absl::Status begun = store.Begin(lock_timeout); !begun.ok()) return begun;
  absl::StatusOr<std::vector<std::string>> steps = store.Protect();
  if (!steps.ok()) return steps;
  const absl::StatusOr<std::vector<std::string>> left = store.Exposures();
  if (!left.ok()) return left.status();
  if (!left->empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("this role could not take all rights away, as it is not the owner: ", absl::StrJoin(*left, "; ")));
  }
  if (dry_run) return steps;
  if (absl::Status committed = store.Commit(); !committed.ok()) return committed;
  return steps;
}

absl::StatusOr<std::vector<std::string>> VerifySchema(SchemaStore& store) {
  const absl::StatusOr<SchemaState> state = ReadSchemaState(store);
  if (!state.ok()) return state.status();
  if (state->version == 0) return absl::NotFoundError("the database has no schema of authstate yet");
  const std::size_t count = std::min(state->applied.size(), store.known().size());
  const absl::StatusOr<SchemaStore::Structure> structure = store.Compare(store.known().first(count));
  if (!structure.ok()) return structure.status();
  std::vector<std::string> differences = Lines(Without(structure->wanted, structure->present), "missing");
  std::vector<std::string> more = Lines(Without(structure->present, structure->wanted), "not of the migrations");
  differences.insert(differences.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  const absl::StatusOr<std::vector<std::string>> exposures = store.Exposures();
  if (!exposures.ok()) return exposures.status();
  differences.insert(differences.end(), exposures->begin(), exposures->end());
  return differences;
}

}  // namespace authstate::migrations
