#ifndef AUTHSTATE_TESTS_UNIT_TABLES_CATALOGUES_H_
#define AUTHSTATE_TESTS_UNIT_TABLES_CATALOGUES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "migrations/tables/catalogue.h"

// Catalogues as ReadCatalogue gives them, made by hand.
namespace authstate::tables {

inline Column ColumnOf(std::string name, std::string type = "integer", bool not_null = false) {
  Column column;
  column.name = std::move(name);
  column.type = std::move(type);
  column.not_null = not_null;
  column.ordered = true;
  return column;
}

inline void AddUnique(Table& table, char kind, const std::vector<std::string>& columns) {
  const std::string name =
      absl::StrCat(table.name, kind == 'p' ? "" : "_" + absl::StrJoin(columns, "_"), kind == 'p' ? "_pkey" : "_key");
  const std::string names = absl::StrJoin(columns, ", ");
  Constraint constraint;
  constraint.name = name;
  constraint.kind = kind;
  constraint.columns = columns;
  constraint.definition = absl::StrCat(kind == 'p' ? "PRIMARY KEY (" : "UNIQUE (", names, ")");
  table.constraints.push_back(constraint);
  Index index;
  index.name = name;
  index.definition =
      absl::StrCat("CREATE UNIQUE INDEX ", name, " ON public.", table.name, " USING btree (", names, ")");
  index.unique = index.plain = index.of_constraint = true;
  index.columns = columns;
  table.indexes.push_back(index);
}

// With the primary key `id`, and the columns `name` and `status`.
inline Table TableOf(std::string name) {
  Table table;
  table.name = std::move(name);
  table.columns = {ColumnOf("id", "integer", true), ColumnOf("name", "text"), ColumnOf("status", "text")};
  AddUnique(table, 'p', {"id"});
  return table;
}

inline Constraint ConstraintOf(char kind, std::string name, std::string definition, std::string referenced = "") {
  Constraint constraint;
  constraint.kind = kind;
  constraint.name = std::move(name);
  constraint.definition = std::move(definition);
  constraint.referenced = std::move(referenced);
  return constraint;
}

inline Sequence SequenceOf(std::string name, std::string table = "", std::string column = "") {
  Sequence sequence;
  sequence.name = std::move(name);
  sequence.type = "integer";
  sequence.definition = "START WITH 1 INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 CACHE 1";
  sequence.table = std::move(table);
  sequence.column = std::move(column);
  sequence.owned = !sequence.table.empty();
  return sequence;
}

inline void Add(Catalogue& catalogue, Table table) {
  std::string name = table.name;
  catalogue.tables.insert_or_assign(std::move(name), std::move(table));
}
inline void Add(Catalogue& catalogue, Sequence sequence) {
  std::string name = sequence.name;
  catalogue.sequences.insert_or_assign(std::move(name), std::move(sequence));
}

// With one table, `clients`.
inline Catalogue CatalogueOf() {
  Catalogue catalogue;
  catalogue.version = 150000;
  catalogue.encoding = "UTF8";
  catalogue.collation = "C.UTF-8 (libc)";
  catalogue.schema = "public";
  catalogue.has_schema = catalogue.may_create = true;
  Add(catalogue, TableOf("clients"));
  return catalogue;
}

}  // namespace authstate::tables

#endif  // AUTHSTATE_TESTS_UNIT_TABLES_CATALOGUES_H_
