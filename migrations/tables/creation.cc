#include "migrations/tables/creation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "migrations/tables/sequence_pairs.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

class Creator {
 public:
  Creator(const Catalogue& from, const Catalogue& to, const std::vector<std::string>& tables)
      : from_(from), to_(to), tables_(tables) {}

  Creation Plan();

 private:
  std::string Qualified(const std::string& name) const {
    return absl::StrCat(QuoteName(from_.schema), ".", QuoteName(name));
  }
  std::string Alter(const std::string& table, absl::string_view change) const {
    return absl::StrCat("ALTER TABLE ", Qualified(table), " ", change);
  }
  std::string ColumnText(const std::string& table, const Column& column) const;
  void MakeSurroundings();
  void MakeSequences();
  void MakeTable(const Table& table);
  void MakeColumns(const Table& table, const Table& there);
  void MakePartitions(const Table& table, const Table* there);
  void MakeConstraints(const Table& table, const Table* there);
  void MakeIndexes(const Table& table, const Table* there);

  const Catalogue& from_;
  const Catalogue& to_;
  const std::vector<std::string>& tables_;
  Creation creation_;
  std::vector<std::string> foreign_keys_;
  std::vector<const Sequence*> new_sequences_;
};

std::string Creator::ColumnText(const std::string& table, const Column& column) const {
  std::string text = absl::StrCat(QuoteName(column.name), " ", column.type);
  if (!column.collation.empty()) absl::StrAppend(&text, " COLLATE ", column.collation);
  if (!column.generated.empty()) {
    // Before PostgreSQL 18 all of them are stored.
    const bool stores = to_.version < 180000;
    absl::StrAppend(&text, " GENERATED ALWAYS AS ",
                    stores ? absl::StrReplaceAll(column.generated, {{") VIRTUAL", ") STORED"}}) : column.generated);
  }
  if (!column.default_value.empty()) absl::StrAppend(&text, " DEFAULT ", column.default_value);
  if (!column.identity.empty()) {
    absl::StrAppend(&text, " GENERATED ", column.identity == "a" ? "ALWAYS" : "BY DEFAULT", " AS IDENTITY");
    for (const auto& [name, sequence] : from_.sequences) {
      const bool its = sequence.of_identity && sequence.table == table && sequence.column == column.name;
      if (its) absl::StrAppend(&text, " (", sequence.definition, ")");
    }
  }
  if (column.not_null) absl::StrAppend(&text, " NOT NULL");
  return text;
}

void Creator::MakeSurroundings() {
  std::vector<std::string>& made = creation_.before_rows;
  if (!to_.has_schema) made.push_back(absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", QuoteName(from_.schema)));
  for (const auto& [extension, schema] : from_.needed_extensions) {
    if (std::find(to_.extensions.begin(), to_.extensions.end(), extension) != to_.extensions.end()) continue;
    // To ask for one that is there takes a right that is not needed otherwise.
    if (schema != from_.schema && schema != "pg_catalog") {
      made.push_back(absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", QuoteName(schema)));
    }
    made.push_back(
        absl::StrCat("CREATE EXTENSION IF NOT EXISTS ", QuoteName(extension), " SCHEMA ", QuoteName(schema)));
  }
  for (const auto& [name, definition] : from_.types) {
    if (to_.FindType(name) == nullptr) made.push_back(definition);
  }
}

void Creator::MakeSequences() {
  for (const SequencePair& pair : PairSequences(from_, to_, tables_, true)) {
    // An identity column brings its own.
    if (pair.there != nullptr || pair.shown().of_identity) continue;
    new_sequences_.push_back(&pair.shown());
    creation_.before_rows.push_back(absl::StrCat("CREATE SEQUENCE ", Qualified(pair.shown().name), " AS ",
                                                 pair.shown().type, " ", pair.shown().definition));
  }
}

void Creator::MakeTable(const Table& table) {
  std::vector<std::string> lines;
  for (const Column& column : table.columns) lines.push_back(absl::StrCat("  ", ColumnText(table.name, column)));
  creation_.before_rows.push_back(
      absl::StrCat("CREATE TABLE ", Qualified(table.name), " (\n", absl::StrJoin(lines, ",\n"), "\n)",
                   table.partition_key.empty() ? "" : absl::StrCat(" PARTITION BY ", table.partition_key)));
}

void Creator::MakeColumns(const Table& table, const Table& there) {
  for (const Column& column : table.columns) {
    const Column* const other = there.FindColumn(column.name);
    if (other == nullptr) {
      creation_.before_rows.push_back(Alter(table.name, absl::StrCat("ADD COLUMN ", ColumnText(table.name, column))));
    } else if (other->default_value.empty() && !column.default_value.empty() && other->identity.empty() &&
               other->generated.empty()) {
      creation_.before_rows.push_back(Alter(
          table.name, absl::StrCat("ALTER COLUMN ", QuoteName(column.name), " SET DEFAULT ", column.default_value)));
    }
  }
}

void Creator::MakePartitions(const Table& table, const Table* there) {
  // Parts of a table that is divided otherwise do not fit.
  if (there != nullptr && there->partition_key != table.partition_key) return;
  for (const Partition& partition : table.partitions) {
    const bool made =
        there != nullptr && std::any_of(there->partitions.begin(), there->partitions.end(),
                                        [&](const Partition& other) { return other.bound == partition.bound; });
    if (made) continue;
    creation_.before_rows.push_back(
        absl::StrCat("CREATE TABLE ", Qualified(partition.name), " PARTITION OF ", Qualified(partition.parent), " ",
                     partition.bound, partition.key.empty() ? "" : absl::StrCat(" PARTITION BY ", partition.key)));
  }
}

void Creator::MakeConstraints(const Table& table, const Table* there) {
  for (const Constraint& constraint : table.constraints) {
    const std::string sql =
        Alter(table.name, absl::StrCat("ADD CONSTRAINT ", QuoteName(constraint.name), " ", constraint.definition));
    if (constraint.kind == 'p') {
      if (there == nullptr || there->primary_key().empty()) creation_.before_rows.push_back(sql);
      continue;
    }
    // One of this name that is another is for a person to settle.
    const bool made =
        there != nullptr &&
        (there->FindConstraint(constraint.kind, constraint.name) != nullptr ||
         (constraint.kind == 'u' ? there->HasUnique(constraint.columns) : there->HasConstraint(constraint)));
    if (made) continue;
    (constraint.kind == 'f' ? foreign_keys_ : creation_.after_rows).push_back(sql);
  }
}

void Creator::MakeIndexes(const Table& table, const Table* there) {
  for (const Index& index : table.indexes) {
    if (index.of_constraint) continue;
    const bool made =
        there != nullptr && (there->HasIndex(index) || (index.plain && there->HasUnique(index.columns)) ||
                             std::any_of(there->indexes.begin(), there->indexes.end(),
                                         [&index](const Index& other) { return other.name == index.name; }));
    // The catalogue writes the index of a partitioned table as one of the parent alone.
    if (!made) creation_.after_rows.push_back(absl::StrReplaceAll(index.definition, {{" ON ONLY ", " ON "}}));
  }
}

Creation Creator::Plan() {
  MakeSurroundings();
  MakeSequences();
  for (const std::string& name : tables_) {
    const Table& table = *from_.FindTable(name);
    const Table* const there = to_.FindTable(name);
    if (there == nullptr) {
      MakeTable(table);
    } else {
      MakeColumns(table, *there);
    }
    MakePartitions(table, there);
    MakeConstraints(table, there);
    MakeIndexes(table, there);
  }
  for (const Sequence* const sequence : new_sequences_) {
    if (!sequence->owned) continue;
    creation_.before_rows.push_back(absl::StrCat("ALTER SEQUENCE ", Qualified(sequence->name), " OWNED BY ",
                                                 Qualified(sequence->table), ".", QuoteName(sequence->column)));
  }
  std::vector<std::string>& after = creation_.after_rows;
  after.insert(after.end(), foreign_keys_.begin(), foreign_keys_.end());
  return std::move(creation_);
}

}  // namespace

Creation PlanCreation(const Catalogue& from, const Catalogue& to, const std::vector<std::string>& tables) {
  return Creator(from, to, tables).Plan();
}

absl::Status Create(Database& to, const std::vector<std::string>& statements) {
  for (const std::string& statement : statements) {
    const auto error = to.Write(statement);
    if (error.has_value()) {
      return ToStatus(*error, absl::StrCat("cannot do `", statement.substr(0, statement.find(" (\n")), "` in"),
                      to.title());
    }
  }
  return absl::OkStatus();
}

}  // namespace authstate::tables
