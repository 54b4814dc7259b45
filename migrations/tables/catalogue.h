#ifndef AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_H_
#define AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "migrations/tables/database.h"

// What a database says of the tables of one schema. Plain data; texts of definitions are as PostgreSQL writes them,
// with every name qualified.
namespace authstate::tables {

struct Column {
  std::string name;
  // `numeric(12,2)`, `integer[]`.
  std::string type;
  bool not_null = false;
  // Empty: none.
  std::string default_value;
  // `a`: always, `d`: by default, empty: none.
  std::string identity;
  // `(price * 2) STORED`, of a generated column; empty: it is written like others.
  std::string generated;
  // Where it is not that of the type.
  std::string collation;
  // Whether values order alike on every server: numbers, times, uuid, bytea, and text whose collation is C.
  bool ordered = false;
};

struct Constraint {
  std::string name;
  // `p`, `u`, `c`, `f` or `x`, as in pg_constraint.
  char kind = 'c';
  std::vector<std::string> columns;
  std::string definition;
  bool deferrable = false;
  // Where a foreign key leads: a table, empty when that is in another schema, and its columns.
  std::string referenced;
  std::vector<std::string> referenced_columns;
};

struct Index {
  std::string name;
  std::string definition;
  bool unique = false;
  // Neither partial, nor on expressions, nor checked late; so that ON CONFLICT may name its columns.
  bool plain = false;
  // Made by a constraint.
  bool of_constraint = false;
  std::vector<std::string> columns;
  // Of a unique one: two rows that are NULL there are taken for the same.
  bool nulls_not_distinct = false;
};

struct Partition {
  std::string name;
  std::string parent;
  // `FOR VALUES FROM (…) TO (…)`.
  std::string bound;
  // `RANGE (created_at)`, of one that is divided again.
  std::string key;
};

struct Table {
  std::string name;
  // `RANGE (created_at)`; empty: it has no partitions.
  std::string partition_key;
  // An estimate, which may be far off.
  std::int64_t rows = 0;
  std::vector<Column> columns;
  std::vector<Constraint> constraints;
  std::vector<Index> indexes;
  // All below it; a parent before its parts.
  std::vector<Partition> partitions;
  // Those that fire when rows are written, `name: definition`.
  std::vector<std::string> triggers;
  // Foreign keys of other schemas that lead here, `schema.table: definition`.
  std::vector<std::string> referrers;
  // Whether policies hide rows from the role that asked.
  bool hides_rows = false;
  // Whether there are row policies at all.
  bool has_policies = false;
  // Part of an inheritance that is no partitioning.
  bool inherits = false;
  // What the role may not do with it: `SELECT`, `INSERT`, …
  std::vector<std::string> missing_rights;

  const Column* FindColumn(const std::string& name) const;
  // Whether ON CONFLICT may name these columns, in whatever order.
  bool HasUnique(const std::vector<std::string>& columns) const;
  // Of a plain one: one that keeps the same rows apart. Else one of the same definition, whatever its name.
  bool HasIndex(const Index& wanted) const;
  // One of the same kind and definition, whatever its name.
  bool HasConstraint(const Constraint& wanted) const;
  // One of this kind and name, whatever its definition; null: there is none.
  const Constraint* FindConstraint(char kind, const std::string& name) const;
  // The columns of the primary key; none: it has no key.
  std::vector<std::string> primary_key() const;
};

struct Sequence {
  std::string name;
  std::string type;
  // `START WITH 1 INCREMENT BY 1 …`, as CREATE SEQUENCE and an identity column take it.
  std::string definition;
  // The column that it belongs to, by ownership or a default; empty: none.
  std::string table;
  std::string column;
  bool of_identity = false;
  bool owned = false;
  std::int64_t increment = 1;
  bool readable = true;
  bool writable = true;
};

struct Catalogue {
  // `150005`.
  std::int64_t version = 0;
  std::string encoding;
  // `C.UTF-8 (libc)`.
  std::string collation;
  std::string schema;
  bool has_schema = false;
  bool may_create = false;
  // Those that the role has for its sessions: `statement_timeout = 8000 ms`.
  std::vector<std::string> timeouts;
  std::map<std::string, Table> tables;
  std::map<std::string, Sequence> sequences;
  // Types of the schema, with what makes them: enumerations, domains, ranges, composite types.
  // In an order in which they can be made.
  std::vector<std::pair<std::string, std::string>> types;
  // Extensions that tables of the schema cannot do without, with their schemas, and those that are there.
  std::map<std::string, std::string> needed_extensions;
  std::vector<std::string> extensions;
  std::vector<std::string> available_extensions;
  // Functions of the schema that tables cannot be made without, each with the table, empty where it is of a type, and
  // all that there are: `public.area(integer)`.
  std::vector<std::pair<std::string, std::string>> needed_functions;
  std::vector<std::string> functions;
  // Views and functions of the schema, which are not moved.
  std::vector<std::string> others;
  // The oldest transaction id that may still write: what is written from now on has no older one.
  std::string oldest_transaction;

  const Table* FindTable(const std::string& name) const;
  // The definition of a type; null: there is none.
  const std::string* FindType(const std::string& name) const;
};

// Whether two definitions are the same but for parentheses and casts of texts. PostgreSQL prints `status IN ('a', 'b')`
// of a varchar otherwise once it has read what it printed, so that a copy never has the text of its source.
bool PrintsAlike(absl::string_view one, absl::string_view other);

// Reads it all. Fails as Database::Read does.
absl::StatusOr<Catalogue> ReadCatalogue(Database& database, const std::string& schema);

// A digest of everything that makes the rows of `tables` mean what they mean: columns and their types, constraints,
// unique indexes, partitions, triggers, sequences, and whether policies hide rows. Statistics and rights do not count.
std::string Fingerprint(const Catalogue& catalogue, const std::vector<std::string>& tables);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_H_
