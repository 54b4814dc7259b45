#include "migrations/tables/table_differences.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

class Differences {
 public:
  Differences(const Table& source, const Table& target) : source_(source), target_(target) {}

  std::vector<Finding> Find();

 private:
  Finding& Add(Severity severity, absl::string_view code, absl::string_view of, std::string what,
               std::string remedy = "", bool created = false);
  void CompareColumns();
  void CompareColumn(const Column& here, const Column& there);
  void CompareKey();
  void CompareUniques();
  void CompareConstraints();
  void ComparePartitions();
  void CompareTheRest();
  std::string Alter(absl::string_view change) const {
    return absl::StrCat("ALTER TABLE ", QuoteName(target_.name), " ", change);
  }

  const Table& source_;
  const Table& target_;
  std::vector<Finding> findings_;
};

std::string OrNone(const std::string& text) { return text.empty() ? "none" : text; }

bool HasIndexNamed(const Table& table, const std::string& name) {
  return std::any_of(table.indexes.begin(), table.indexes.end(),
                     [&name](const Index& index) { return index.name == name; });
}

// For people: `UNIQUE (company_id, yclients_id)`, or the definition where columns do not tell.
std::string UniqueText(const Index& index) {
  return index.plain ? absl::StrCat("UNIQUE (", absl::StrJoin(index.columns, ", "), ")") : index.definition;
}

Finding& Differences::Add(Severity severity, absl::string_view code, absl::string_view of, std::string what,
                          std::string remedy, bool created) {
  Finding& finding = findings_.emplace_back();
  finding.severity = severity;
  finding.id = absl::StrCat(source_.name, ".", code, of.empty() ? "" : ".", of);
  finding.table = source_.name;
  finding.what = std::move(what);
  finding.remedy = std::move(remedy);
  finding.created = created;
  return finding;
}

std::vector<Finding> Differences::Find() {
  CompareColumns();
  CompareKey();
  CompareUniques();
  CompareConstraints();
  ComparePartitions();
  CompareTheRest();
  return std::move(findings_);
}

void Differences::CompareColumns() {
  std::vector<std::string> extra;
  for (const Column& there : target_.columns) {
    if (source_.FindColumn(there.name) == nullptr) extra.push_back(there.name);
  }
  for (const Column& here : source_.columns) {
    const Column* const there = target_.FindColumn(here.name);
    if (there == nullptr) {
      Add(Severity::kBlocks, "column-missing", here.name,
          absl::StrCat("the target has no column ", here.name, " ", here.type,
                       "; columns that it alone has: ", OrNone(absl::StrJoin(extra, ", "))),
          Alter(absl::StrCat("ADD COLUMN ", QuoteName(here.name), " ", here.type)), true);
    } else {
      CompareColumn(here, *there);
    }
  }
  for (const Column& there : target_.columns) {
    if (source_.FindColumn(there.name) != nullptr) continue;
    const bool filled =
        !there.not_null || !there.default_value.empty() || !there.identity.empty() || !there.generated.empty();
    Add(filled ? Severity::kWarns : Severity::kBlocks, "column-extra", there.name,
        absl::StrCat("only the target has the column ", there.name, " ", there.type,
                     filled ? "; it gets its default" : ", which must not be NULL and has no default"));
  }
}

void Differences::CompareColumn(const Column& here, const Column& there) {
  const std::string& name = here.name;
  const std::string alter = absl::StrCat("ALTER COLUMN ", QuoteName(name), " ");
  if (here.type != there.type) {
    Add(Severity::kBlocks, "type", name,
        absl::StrCat("column ", name, " is ", here.type, " in the source and ", there.type, " in the target"),
        Alter(absl::StrCat(alter, "TYPE ", here.type)));
  }
  if (here.not_null != there.not_null) {
    Add(there.not_null ? Severity::kBlocks : Severity::kWarns, "nullability", name,
        absl::StrCat("column ", name,
                     there.not_null ? " may be NULL in the source alone" : " may be NULL in the target alone"),
        Alter(absl::StrCat(alter, there.not_null ? "DROP NOT NULL" : "SET NOT NULL")));
  }
  if (here.generated != there.generated) {
    const auto expression = [](const std::string& generated) { return generated.substr(0, generated.rfind(' ')); };
    Add(expression(here.generated) == expression(there.generated) ? Severity::kWarns : Severity::kBlocks, "generated",
        name,
        absl::StrCat("column ", name, " is generated as ", OrNone(here.generated), " in the source and as ",
                     OrNone(there.generated), " in the target"));
  }
  if (here.identity != there.identity) {
    const bool has_other = !there.default_value.empty() || !there.identity.empty();
    Add(has_other ? Severity::kWarns : Severity::kBlocks, "identity", name,
        absl::StrCat("column ", name, " is ", here.identity.empty() ? "no identity" : "an identity",
                     " column in the source and ", there.identity.empty() ? "none" : "one", " in the target"));
  } else if (here.default_value != there.default_value) {
    // Without a default that the source has, inserts of the application fail.
    Add(there.default_value.empty() ? Severity::kBlocks : Severity::kWarns, "default", name,
        absl::StrCat("the default of column ", name, " is ", OrNone(here.default_value), " in the source and ",
                     OrNone(there.default_value), " in the target"),
        here.default_value.empty() ? Alter(absl::StrCat(alter, "DROP DEFAULT"))
                                   : Alter(absl::StrCat(alter, "SET DEFAULT ", here.default_value)),
        there.default_value.empty());
  }
  if (here.collation != there.collation) {
    Add(Severity::kWarns, "collation", name,
        absl::StrCat("the collation of column ", name, " is ", OrNone(here.collation), " in the source and ",
                     OrNone(there.collation), " in the target: texts are sorted differently"));
  }
}

void Differences::CompareKey() {
  const std::vector<std::string> here = source_.primary_key();
  const std::vector<std::string> there = target_.primary_key();
  if (there.empty()) {
    const bool can = !here.empty();
    Add(Severity::kBlocks, "primary-key-missing", "",
        can ? "the target has no primary key" : "neither side has a primary key: rows cannot be told apart",
        can ? Alter(absl::StrCat("ADD PRIMARY KEY (", QuoteNames(here), ")")) : "give both a primary key", can);
  } else if (here != there) {
    Add(here.empty() ? Severity::kBlocks : Severity::kWarns, "primary-key", "",
        absl::StrCat("the primary key is (", absl::StrJoin(here, ", "), ") in the source and (",
                     absl::StrJoin(there, ", "), ") in the target"));
  }
}

void Differences::CompareUniques() {
  for (const Index& index : source_.indexes) {
    if (!index.unique || (index.of_constraint && index.columns == source_.primary_key())) continue;
    if (target_.HasIndex(index)) continue;
    const Constraint* const constraint = source_.FindConstraint('u', index.name);
    const std::string make =
        constraint != nullptr ? Alter(absl::StrCat("ADD ", constraint->definition)) : index.definition;
    if (index.plain && target_.HasUnique(index.columns)) {
      const bool strict = !index.nulls_not_distinct;
      Add(strict ? Severity::kWarns : Severity::kBlocks, "unique-nulls", absl::StrJoin(index.columns, ","),
          absl::StrCat("UNIQUE (", absl::StrJoin(index.columns, ", "), ") takes NULL for equal to NULL in the ",
                       strict ? "target alone: rows of the source that agree so are refused"
                              : "source alone: the target would take a row twice"),
          absl::StrCat("drop that of the target; ", make));
      continue;
    }
    Add(Severity::kBlocks, "unique-missing", index.plain ? absl::StrJoin(index.columns, ",") : index.name,
        index.plain ? absl::StrCat("the target has no ", UniqueText(index), ", source: ", index.name,
                                   ": every upsert that names these columns would fail")
                    : absl::StrCat("the target has no ", UniqueText(index), ": it would take rows twice"),
        make, !HasIndexNamed(target_, index.name));
  }
  for (const Index& index : target_.indexes) {
    if (!index.unique || (index.of_constraint && index.columns == target_.primary_key())) continue;
    if (source_.HasIndex(index) || (index.plain && source_.HasUnique(index.columns))) continue;
    Add(Severity::kWarns, "unique-extra", index.plain ? absl::StrJoin(index.columns, ",") : index.name,
        absl::StrCat("only the target has ", UniqueText(index), ": rows of the source that agree in them are refused"));
  }
}

void Differences::CompareConstraints() {
  for (const Constraint& constraint : source_.constraints) {
    if (constraint.kind == 'p' || constraint.kind == 'u' || target_.HasConstraint(constraint)) continue;
    const Constraint* const other = target_.FindConstraint(constraint.kind, constraint.name);
    if (other != nullptr) {
      const bool alike = PrintsAlike(constraint.definition, other->definition);
      Add(alike ? Severity::kWarns : Severity::kBlocks,
          constraint.kind == 'f' ? "foreign-key-differs" : "check-differs", constraint.name,
          absl::StrCat(constraint.name, " is ", constraint.definition, " in the source and ", other->definition,
                       " in the target", alike ? ": most likely the same, printed otherwise" : ""),
          alike ? "compare the two"
                : Alter(absl::StrCat("DROP CONSTRAINT ", QuoteName(constraint.name), ", ADD CONSTRAINT ",
                                     QuoteName(constraint.name), " ", constraint.definition)));
      continue;
    }
    Add(Severity::kBlocks, constraint.kind == 'f' ? "foreign-key-missing" : "check-missing", constraint.name,
        absl::StrCat("the target has no ", constraint.definition, ", source: ", constraint.name),
        Alter(absl::StrCat("ADD CONSTRAINT ", QuoteName(constraint.name), " ", constraint.definition)), true);
  }
  for (const Constraint& constraint : target_.constraints) {
    if (constraint.kind == 'p' || constraint.kind == 'u' || source_.HasConstraint(constraint)) continue;
    if (source_.FindConstraint(constraint.kind, constraint.name) != nullptr) continue;
    Add(Severity::kWarns, constraint.kind == 'f' ? "foreign-key-extra" : "check-extra", constraint.name,
        absl::StrCat("only the target has ", constraint.definition, ": rows that do not keep to it are refused"));
  }
}

void Differences::ComparePartitions() {
  if (source_.partition_key != target_.partition_key) {
    Add(Severity::kWarns, "partitioning", "",
        absl::StrCat("the table is partitioned by ", OrNone(source_.partition_key), " in the source and by ",
                     OrNone(target_.partition_key), " in the target: rows without a partition there are refused"));
    return;
  }
  for (const Partition& partition : source_.partitions) {
    const bool there = std::any_of(target_.partitions.begin(), target_.partitions.end(),
                                   [&partition](const Partition& other) { return other.bound == partition.bound; });
    if (there) continue;
    Add(Severity::kBlocks, "partition-missing", partition.name,
        absl::StrCat("the target has no partition ", partition.bound, ", source: ", partition.name),
        absl::StrCat("CREATE TABLE ", QuoteName(partition.name), " PARTITION OF ", QuoteName(partition.parent), " ",
                     partition.bound),
        true);
  }
}

void Differences::CompareTheRest() {
  if (source_.inherits || target_.inherits) {
    Add(Severity::kBlocks, "inheritance", "", "the table is part of an inheritance, whose rows would be copied twice");
  }
  for (const std::string& trigger : target_.triggers) {
    const std::string name = trigger.substr(0, trigger.find(':'));
    Add(Severity::kBlocks, "trigger", name,
        absl::StrCat("trigger ", name, " of the target would change or repeat what is copied"),
        Alter(absl::StrCat("DISABLE TRIGGER ", QuoteName(name))) + "; ENABLE it before services start");
  }
  for (const std::string& trigger : source_.triggers) {
    const std::string name = trigger.substr(0, trigger.find(':'));
    Add(Severity::kWarns, "trigger-not-moved", name, absl::StrCat("a trigger is not moved: ", trigger));
  }
  if (source_.has_policies) {
    Add(Severity::kWarns, "policies-not-moved", "", "policies of row level security are not moved, nor are rights");
  }
}

}  // namespace

std::vector<Finding> DifferencesOf(const Table& source, const Table& target) {
  return Differences(source, target).Find();
}

}  // namespace authstate::tables
