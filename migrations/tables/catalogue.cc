#include "migrations/tables/catalogue.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "migrations/tables/catalogue_statements.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

namespace statements = catalogue_statements;

// Reads one kind of thing after the other, and stops at the first that fails.
class Reader {
 public:
  Reader(Database& database, const std::string& schema) : database_(database), schema_(QuoteLiteral(schema)) {}

  void Each(const char* sql, const std::function<void(const Rows& rows, int row)>& take) {
    if (!status_.ok()) return;
    const absl::StatusOr<Rows> rows = database_.Read(absl::StrReplaceAll(sql, {{"$SCHEMA", schema_}}));
    status_ = rows.status();
    for (int row = 0; status_.ok() && row < rows->size(); ++row) take(*rows, row);
  }
  const absl::Status& status() const { return status_; }

 private:
  Database& database_;
  const std::string schema_;
  absl::Status status_;
};

void ReadDatabase(Reader& reader, Catalogue* catalogue) {
  reader.Each(statements::kDatabase, [catalogue](const Rows& rows, int row) {
    catalogue->version = rows.Int(row, 0);
    catalogue->encoding = rows.Text(row, 1);
    catalogue->collation = rows.Text(row, 2);
    catalogue->has_schema = rows.Bool(row, 3);
    catalogue->may_create = rows.Bool(row, 4);
    catalogue->timeouts = SplitList(rows.View(row, 5));
    catalogue->extensions = SplitList(rows.View(row, 6));
    catalogue->available_extensions = SplitList(rows.View(row, 7));
    catalogue->oldest_transaction = rows.Text(row, 8);
  });
  reader.Each(statements::kTypes, [catalogue](const Rows& rows, int row) {
    catalogue->types.emplace_back(rows.Text(row, 0), rows.Text(row, 1));
  });
  reader.Each(statements::kNeededExtensions, [catalogue](const Rows& rows, int row) {
    catalogue->needed_extensions.emplace(rows.Text(row, 0), rows.Text(row, 1));
  });
  reader.Each(statements::kNeededFunctions, [catalogue](const Rows& rows, int row) {
    catalogue->needed_functions.emplace_back(rows.Text(row, 0), rows.Text(row, 1));
  });
  reader.Each(statements::kFunctions,
              [catalogue](const Rows& rows, int row) { catalogue->functions.push_back(rows.Text(row, 0)); });
  reader.Each(statements::kOthers,
              [catalogue](const Rows& rows, int row) { catalogue->others.push_back(rows.Text(row, 0)); });
}

void ReadTables(Reader& reader, std::map<std::string, Table>* tables) {
  reader.Each(statements::kTables, [tables](const Rows& rows, int row) {
    Table table;
    table.name = rows.Text(row, 0);
    table.partition_key = rows.Text(row, 1);
    table.rows = rows.Int(row, 2);
    table.hides_rows = rows.Bool(row, 3);
    table.has_policies = rows.Bool(row, 4);
    table.inherits = rows.Bool(row, 5);
    table.missing_rights = SplitList(rows.View(row, 6));
    table.triggers = SplitList(rows.View(row, 7));
    table.referrers = SplitList(rows.View(row, 8));
    tables->emplace(table.name, std::move(table));
  });
  // What belongs to a table that is not listed, one of an extension, has nobody to go to.
  const auto each = [&](const char* sql, const std::function<void(Table&, const Rows&, int)>& take) {
    reader.Each(sql, [&](const Rows& rows, int row) {
      const auto table = tables->find(rows.Text(row, 0));
      if (table != tables->end()) take(table->second, rows, row);
    });
  };
  each(statements::kColumns, [](Table& table, const Rows& rows, int row) {
    Column& column = table.columns.emplace_back();
    column.name = rows.Text(row, 1);
    column.type = rows.Text(row, 2);
    column.not_null = rows.Bool(row, 3);
    column.default_value = rows.Text(row, 4);
    column.identity = rows.Text(row, 5);
    column.generated = rows.Text(row, 6);
    column.collation = rows.Text(row, 7);
    column.ordered = rows.Bool(row, 8);
  });
  each(statements::kConstraints, [](Table& table, const Rows& rows, int row) {
    Constraint& constraint = table.constraints.emplace_back();
    constraint.name = rows.Text(row, 1);
    constraint.kind = rows.View(row, 2).front();
    constraint.columns = SplitList(rows.View(row, 3));
    constraint.definition = rows.Text(row, 4);
    constraint.deferrable = rows.Bool(row, 5);
    constraint.referenced = rows.Text(row, 6);
    constraint.referenced_columns = SplitList(rows.View(row, 7));
  });
  each(statements::kIndexes, [](Table& table, const Rows& rows, int row) {
    Index& index = table.indexes.emplace_back();
    index.name = rows.Text(row, 1);
    index.definition = rows.Text(row, 2);
    index.unique = rows.Bool(row, 3);
    index.plain = rows.Bool(row, 4);
    index.of_constraint = rows.Bool(row, 5);
    index.columns = SplitList(rows.View(row, 6));
    index.nulls_not_distinct = rows.Bool(row, 7);
  });
  each(statements::kPartitions, [](Table& table, const Rows& rows, int row) {
    table.partitions.push_back({rows.Text(row, 1), rows.Text(row, 2), rows.Text(row, 3), rows.Text(row, 4)});
  });
}

void ReadSequences(Reader& reader, std::map<std::string, Sequence>* sequences) {
  reader.Each(statements::kSequences, [sequences](const Rows& rows, int row) {
    Sequence sequence;
    sequence.name = rows.Text(row, 0);
    sequence.type = rows.Text(row, 1);
    sequence.definition = rows.Text(row, 2);
    sequence.increment = rows.Int(row, 3);
    sequence.table = rows.Text(row, 4);
    sequence.column = rows.Text(row, 5);
    sequence.of_identity = rows.Bool(row, 6);
    sequence.owned = rows.Bool(row, 7);
    sequence.readable = rows.Bool(row, 8);
    sequence.writable = rows.Bool(row, 9);
    sequences->emplace(sequence.name, std::move(sequence));
  });
}

bool HaveSame(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  return std::set<std::string>(one.begin(), one.end()) == std::set<std::string>(other.begin(), other.end());
}

// The definition of an index without its name. Of a partitioned table it is printed as that of the parent alone.
std::string OnWhat(const Index& index) {
  const std::size_t on = index.definition.find(" ON ");
  return on == std::string::npos ? index.definition
                                 : absl::StrReplaceAll(index.definition.substr(on), {{" ON ONLY ", " ON "}});
}

}  // namespace

const Column* Table::FindColumn(const std::string& name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&name](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

bool Table::HasUnique(const std::vector<std::string>& columns) const {
  return std::any_of(indexes.begin(), indexes.end(),
                     [&columns](const Index& index) { return index.plain && HaveSame(index.columns, columns); });
}

bool Table::HasIndex(const Index& wanted) const {
  return std::any_of(indexes.begin(), indexes.end(), [&wanted](const Index& index) {
    if (wanted.plain) {
      return index.plain && index.nulls_not_distinct == wanted.nulls_not_distinct &&
             HaveSame(index.columns, wanted.columns);
    }
    return index.unique == wanted.unique &&
           (OnWhat(index) == OnWhat(wanted) ||
            (index.name == wanted.name && PrintsAlike(index.definition, wanted.definition)));
  });
}

bool Table::HasConstraint(const Constraint& wanted) const {
  return std::any_of(constraints.begin(), constraints.end(), [&wanted](const Constraint& constraint) {
    return constraint.kind == wanted.kind && constraint.definition == wanted.definition;
  });
}

std::vector<std::string> Table::primary_key() const {
  for (const Constraint& constraint : constraints) {
    if (constraint.kind == 'p') return constraint.columns;
  }
  return {};
}

const Constraint* Table::FindConstraint(char kind, const std::string& name) const {
  const auto found = std::find_if(constraints.begin(), constraints.end(), [&](const Constraint& constraint) {
    return constraint.kind == kind && constraint.name == name;
  });
  return found == constraints.end() ? nullptr : &*found;
}

const Table* Catalogue::FindTable(const std::string& name) const {
  const auto found = tables.find(name);
  return found == tables.end() ? nullptr : &found->second;
}

bool PrintsAlike(absl::string_view one, absl::string_view other) {
  const auto skeleton = [](absl::string_view text) {
    return absl::StrReplaceAll(absl::StripSuffix(text, " NOT VALID"), {{"(", ""},
                                                                       {")", ""},
                                                                       {"::text", ""},
                                                                       {"::text[]", ""},
                                                                       {"::character varying", ""},
                                                                       {"::character varying[]", ""},
                                                                       {"::bpchar", ""},
                                                                       {"::bpchar[]", ""}});
  };
  return skeleton(one) == skeleton(other);
}

const std::string* Catalogue::FindType(const std::string& name) const {
  const auto found = std::find_if(types.begin(), types.end(), [&name](const auto& type) { return type.first == name; });
  return found == types.end() ? nullptr : &found->second;
}

absl::StatusOr<Catalogue> ReadCatalogue(Database& database, const std::string& schema) {
  Catalogue catalogue;
  catalogue.schema = schema;
  Reader reader(database, schema);
  ReadDatabase(reader, &catalogue);
  ReadTables(reader, &catalogue.tables);
  ReadSequences(reader, &catalogue.sequences);
  if (!reader.status().ok()) return reader.status();
  return catalogue;
}

std::string Fingerprint(const Catalogue& catalogue, const std::vector<std::string>& tables) {
  std::string text;
  for (const std::string& name : tables) {
    const Table* const table = catalogue.FindTable(name);
    absl::StrAppend(&text, "table ", name, table == nullptr ? " missing\n" : "\n");
    if (table == nullptr) continue;
    absl::StrAppend(&text, table->partition_key, table->hides_rows ? " hides rows" : "",
                    table->has_policies ? " has policies" : "", "\n");
    std::vector<std::string> lines = table->triggers;
    for (const Column& column : table->columns) {
      lines.push_back(absl::StrCat("column ", column.name, " ", column.type, column.not_null ? " not null " : " ",
                                   column.default_value, " ", column.identity, " ", column.generated, " ",
                                   column.collation));
    }
    for (const Constraint& constraint : table->constraints) {
      lines.push_back(absl::StrCat("constraint ", constraint.definition));
    }
    for (const Index& index : table->indexes) {
      if (index.unique && !index.of_constraint) lines.push_back(absl::StrCat("index ", index.definition));
    }
    for (const Partition& partition : table->partitions) {
      lines.push_back(absl::StrCat("partition ", partition.name, " ", partition.bound));
    }
    std::sort(lines.begin(), lines.end());
    absl::StrAppend(&text, absl::StrJoin(lines, "\n"), "\n");
  }
  for (const auto& [name, definition] : catalogue.types) absl::StrAppend(&text, definition, "\n");
  for (const auto& [name, sequence] : catalogue.sequences) {
    const bool counts =
        sequence.table.empty() || std::find(tables.begin(), tables.end(), sequence.table) != tables.end();
    if (counts) absl::StrAppend(&text, "sequence ", name, " ", sequence.definition, " ", sequence.column, "\n");
  }
  std::array<unsigned char, crypto_generichash_BYTES> digest{};
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     nullptr, 0);
  std::array<char, 2 * crypto_generichash_BYTES + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

}  // namespace authstate::tables
