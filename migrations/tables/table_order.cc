#include "migrations/tables/table_order.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace authstate::tables {
namespace {

// The tables of the system that this is for; what others stand on comes first.
constexpr std::array<absl::string_view, 11> kUsualOrder = {
    "companies",          "clients",  "services",  "staff",           "staff_schedules", "bookings",
    "appointments_cache", "messages", "reminders", "dialog_contexts", "sync_status"};

using Names = std::set<std::string>;
// From a table to those that its rows point at.
using Arrows = std::map<std::string, Names>;

std::size_t Rank(const std::string& table) {
  return std::distance(kUsualOrder.begin(), std::find(kUsualOrder.begin(), kUsualOrder.end(), table));
}

bool ComesBefore(const std::string& a, const std::string& b) { return Rank(a) != Rank(b) ? Rank(a) < Rank(b) : a < b; }

void AddArrows(const Catalogue& catalogue, const Names& tables, bool without_deferrable, Arrows* arrows) {
  for (const std::string& name : tables) {
    const Table* const table = catalogue.FindTable(name);
    if (table == nullptr) continue;
    for (const Constraint& constraint : table->constraints) {
      const bool counts = constraint.kind == 'f' && constraint.referenced != name &&
                          tables.count(constraint.referenced) > 0 && !(without_deferrable && constraint.deferrable);
      if (counts) (*arrows)[name].insert(constraint.referenced);
    }
  }
}

// All that `table` leads to.
Names Reached(const Arrows& arrows, const std::string& table) {
  Names reached;
  std::vector<std::string> open = {table};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    const auto found = arrows.find(next);
    if (found == arrows.end()) continue;
    for (const std::string& to : found->second) {
      if (reached.insert(to).second) open.push_back(to);
    }
  }
  return reached;
}

}  // namespace

absl::StatusOr<std::vector<TableGroup>> OrderTables(const Catalogue& from, const Catalogue& to,
                                                    const std::vector<std::string>& tables) {
  const Names all(tables.begin(), tables.end());
  Arrows arrows;
  AddArrows(from, all, false, &arrows);
  AddArrows(to, all, false, &arrows);
  std::map<std::string, Names> reached;
  for (const std::string& table : all) reached.emplace(table, Reached(arrows, table));

  std::vector<std::string> left(all.begin(), all.end());
  std::sort(left.begin(), left.end(), ComesBefore);
  std::vector<TableGroup> groups;
  Names placed;
  while (!left.empty()) {
    // The first whose targets are placed, or lead back to it. There is one, for circles count as one.
    const auto next = std::find_if(left.begin(), left.end(), [&](const std::string& table) {
      return std::all_of(reached[table].begin(), reached[table].end(), [&](const std::string& target) {
        return placed.count(target) > 0 || reached[target].count(table) > 0 || target == table;
      });
    });
    const std::string table = *next;
    TableGroup group;
    for (const std::string& other : left) {
      if (other == table || (reached[table].count(other) > 0 && reached[other].count(table) > 0)) {
        group.tables.push_back(other);
      }
    }
    group.one_transaction = group.tables.size() > 1;
    if (group.one_transaction) {
      const Names circle(group.tables.begin(), group.tables.end());
      Arrows strict;
      AddArrows(to, circle, true, &strict);
      for (const std::string& member : group.tables) {
        if (Reached(strict, member).count(member) == 0) continue;
        return absl::FailedPreconditionError(absl::StrCat(
            "the foreign keys of ", absl::StrJoin(group.tables, ", "),
            " lead in a circle: make one of them DEFERRABLE in the target (ALTER TABLE … ALTER CONSTRAINT …)"));
      }
      // What leads to another without a deferrable key leads to all that the other does, and one more.
      std::stable_sort(group.tables.begin(), group.tables.end(),
                       [&strict](const std::string& one, const std::string& other) {
                         return Reached(strict, one).size() < Reached(strict, other).size();
                       });
    }
    placed.insert(group.tables.begin(), group.tables.end());
    left.erase(
        std::remove_if(left.begin(), left.end(), [&placed](const std::string& name) { return placed.count(name) > 0; }),
        left.end());
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace authstate::tables
