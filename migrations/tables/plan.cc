#include "migrations/tables/plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "migrations/tables/sql_text.h"
#include "migrations/tables/table_differences.h"
#include "migrations/tables/table_order.h"
#include "migrations/tables/table_pair.h"

namespace authstate::tables {
namespace {

// The tables of this service, which has commands of its own for them.
bool IsAuthState(const std::string& table) {
  return absl::StartsWith(table, "auth_") || absl::StartsWith(table, "whatsapp_");
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether it is something that only the successor has: the former database did without, and does again.
bool IsDoneWithout(const Finding& finding) {
  constexpr absl::string_view kCodes[] = {
      "foreign-key-missing", "check-missing", "unique-missing",  "default", "identity",
      "extension",           "type-missing",  "sequence-missing"};
  // After the table, or `database`.
  const absl::string_view code = absl::string_view(finding.id).substr(finding.id.find('.', finding.table.size()) + 1);
  return std::any_of(std::begin(kCodes), std::end(kCodes),
                     [code](absl::string_view one) { return absl::StartsWith(code, one); });
}

class Planner {
 public:
  Planner(Database& from, const Catalogue& source, const Catalogue& target, const PlanRequest& request)
      : from_(from), source_(source), target_(target), request_(request) {}

  absl::StatusOr<Plan> Make();

 private:
  Finding& Add(Severity severity, const std::string& table, absl::string_view code, absl::string_view of,
               std::string what, std::string remedy = "", bool created = false);
  absl::Status ChooseTables();
  void LookAtDatabases();
  void LookAtExtensions();
  void LookAtTypes();
  void LookAtRights(const Table& table, bool source);
  absl::Status LookAtKey(const std::string& name);
  void LookAtWayBack(const Table& source, const Table& target);
  absl::Status LookAtNeeds();
  void LookAtSequences();

  Database& from_;
  const Catalogue& source_;
  const Catalogue& target_;
  const PlanRequest& request_;
  Plan plan_;
};

Finding& Planner::Add(Severity severity, const std::string& table, absl::string_view code, absl::string_view of,
                      std::string what, std::string remedy, bool created) {
  Finding finding;
  finding.severity = severity;
  finding.id = absl::StrCat(table.empty() ? "database" : table, ".", code, of.empty() ? "" : ".", of);
  finding.table = table;
  finding.what = std::move(what);
  finding.remedy = std::move(remedy);
  finding.created = created;
  return plan_.findings.emplace_back(std::move(finding));
}

absl::Status Planner::ChooseTables() {
  for (const std::string& name : request_.tables) {
    if (source_.FindTable(name) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--tables: the source has no table ", name, " in schema ", source_.schema));
    }
  }
  if (request_.tables.empty()) plan_.tables = ApplicationTables(source_);
  for (const auto& [name, table] : source_.tables) {
    if (Has(request_.tables, name)) plan_.tables.push_back(name);
  }
  return absl::OkStatus();
}

void Planner::LookAtDatabases() {
  if (!source_.has_schema)
    Add(Severity::kBlocks, "", "schema", "source", absl::StrCat("the source has no schema ", source_.schema));
  if (!target_.has_schema) {
    Add(Severity::kBlocks, "", "schema", "target", absl::StrCat("the target has no schema ", target_.schema),
        absl::StrCat("CREATE SCHEMA ", QuoteName(target_.schema)), true);
  }
  if (source_.encoding != target_.encoding) {
    Add(target_.encoding == "UTF8" && source_.encoding != "SQL_ASCII" ? Severity::kWarns : Severity::kBlocks, "",
        "encoding", "",
        absl::StrCat("the encoding is ", source_.encoding, " in the source and ", target_.encoding, " in the target"),
        "make the target with ENCODING 'UTF8'");
  }
  if (source_.collation != target_.collation) {
    Add(Severity::kWarns, "", "collation", "",
        absl::StrCat("texts are sorted by ", source_.collation, " in the source and by ", target_.collation,
                     " in the target: ORDER BY may answer in another order; keys of text are compared by a hash"));
  }
  if (request_.create && !target_.may_create) {
    Add(Severity::kBlocks, "", "right-create", "target",
        absl::StrCat("the role of the target may not create in schema ", target_.schema),
        absl::StrCat("GRANT CREATE ON SCHEMA ", QuoteName(target_.schema), " TO …"));
  }
  for (const Catalogue* const side : {&source_, &target_}) {
    const char* const name = side == &source_ ? "source" : "target";
    if (side->statement_timeout != "0" && !side->statement_timeout.empty()) {
      Add(Severity::kWarns, "", "statement-timeout", name,
          absl::StrCat("the role of the ", name, " has statement_timeout = ", side->statement_timeout,
                       " ms; --statement-timeout takes its place, where no pooler has one of its own"));
    }
    if (!side->others.empty() && side == &source_) {
      Add(Severity::kWarns, "", "not-moved", "", absl::StrCat("not moved: ", absl::StrJoin(side->others, ", ")));
    }
  }
}

void Planner::LookAtExtensions() {
  for (const auto& [extension, schema] : source_.needed_extensions) {
    if (Has(target_.extensions, extension)) continue;
    const bool available = Has(target_.available_extensions, extension);
    Add(Severity::kBlocks, "", "extension", extension,
        absl::StrCat("the target has not the extension ", extension,
                     available ? "" : ", nor can it be made there: ask the operator of the database"),
        absl::StrCat("CREATE EXTENSION ", QuoteName(extension), " SCHEMA ", QuoteName(schema)), available);
  }
}

void Planner::LookAtTypes() {
  for (const auto& [name, definition] : source_.types) {
    const std::string* const there = target_.FindType(name);
    if (there == nullptr) {
      Add(Severity::kBlocks, "", "type-missing", name, absl::StrCat("the target has no type ", name), definition, true);
    } else if (*there != definition) {
      Add(Severity::kBlocks, "", "type-differs", name,
          absl::StrCat("type ", name, " differs: source: ", definition, "; target: ", *there));
    }
  }
}

void Planner::LookAtRights(const Table& table, bool source) {
  const char* const side = source ? "source" : "target";
  for (const std::string& right : table.missing_rights) {
    // The way back writes to the source.
    const bool needed = !source || right == "SELECT";
    Add(needed ? Severity::kBlocks : Severity::kWarns, table.name, absl::StrCat("right-", absl::AsciiStrToLower(right)),
        side,
        absl::StrCat("the role of the ", side, " has not the right to ", right,
                     needed ? "" : ", which the way back would need"),
        absl::StrCat("GRANT ", right, " ON ", QuoteName(table.name), " TO …"));
  }
  if (table.hides_rows) {
    Add(Severity::kBlocks, table.name, "row-security", side,
        absl::StrCat("row level security hides rows from the role of the ", side, ": they would look as if missing"),
        "use the table's owner, or a role with BYPASSRLS");
  }
}

absl::Status Planner::LookAtKey(const std::string& name) {
  const Table& source = *source_.FindTable(name);
  if (target_.FindTable(name)->primary_key().empty()) return absl::OkStatus();
  const absl::StatusOr<TablePair> pair = PairTables(source_, target_, name);
  if (!pair.ok()) {
    Add(Severity::kBlocks, name, "key", "", std::string(pair.status().message()));
    return absl::OkStatus();
  }
  if (!pair->unique) {
    const absl::StatusOr<Rows> twice = from_.Read(pair->AnyTwice());
    if (!twice.ok()) return twice.status();
    if (twice->Bool(0, 0)) Add(Severity::kBlocks, name, "key", "", std::string(KeyTwice(*pair).message()));
  }
  for (const std::string& column : pair->key) {
    if (source.FindColumn(column)->not_null) continue;
    const absl::StatusOr<Rows> rows = from_.Read(
        absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", pair->sql_name, " WHERE ", QuoteName(column), " IS NULL)"));
    if (!rows.ok()) return rows.status();
    if (!rows->Bool(0, 0)) continue;
    Add(Severity::kBlocks, name, "key-null", column,
        absl::StrCat("column ", column, " is in the primary key of the target, and NULL in rows of the source"));
  }
  return absl::OkStatus();
}

// What only shows once the target is the source, and the way back is wanted at night.
void Planner::LookAtWayBack(const Table& source, const Table& target) {
  const bool blocked = std::any_of(plan_.findings.begin(), plan_.findings.end(), [&](const Finding& finding) {
    return finding.severity == Severity::kBlocks && finding.table == source.name;
  });
  // What mends the way there changes the way back.
  if (blocked) return;
  for (const Finding& finding : DifferencesOf(target, source)) {
    if (finding.severity != Severity::kBlocks || IsDoneWithout(finding)) continue;
    Add(Severity::kWarns, source.name, "way-back", finding.id.substr(source.name.size() + 1),
        absl::StrCat("the way back, whose source is --to, would be refused: ", finding.what), finding.remedy);
  }
  const absl::StatusOr<TablePair> pair = PairTables(target_, source_, source.name);
  if (pair.ok() && pair->unique) return;
  Add(Severity::kWarns, source.name, "way-back", "key",
      pair.ok()
          ? absl::StrCat("the way back is refused once rows of the target agree in (", absl::StrJoin(pair->key, ", "),
                         "), the primary key of the source, which nothing forbids there")
          : absl::StrCat("the way back, whose source is --to, would be refused: ", pair.status().message()));
}

absl::Status Planner::LookAtNeeds() {
  for (const std::string& need : request_.needs) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(need, absl::MaxSplits(':', 1));
    const std::vector<std::string> columns = absl::StrSplit(parts.second, ',', absl::SkipWhitespace());
    if (parts.first.empty() || columns.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("--needs: table:column,column is expected, not ", need));
    }
    const Table* table = target_.FindTable(parts.first);
    // What is created is as in the source.
    if (table == nullptr && request_.create) table = source_.FindTable(parts.first);
    if (table != nullptr && table->HasUnique(columns)) continue;
    Add(Severity::kBlocks, parts.first, "need", absl::StrJoin(columns, ","),
        absl::StrCat("the application needs ON CONFLICT (", absl::StrJoin(columns, ", "),
                     "), and the target has no UNIQUE for it"),
        absl::StrCat("ALTER TABLE ", QuoteName(parts.first), " ADD UNIQUE (", QuoteNames(columns), ")"));
  }
  return absl::OkStatus();
}

void Planner::LookAtSequences() {
  for (const auto& [name, sequence] : source_.sequences) {
    if (!sequence.table.empty() && !Has(plan_.tables, sequence.table)) continue;
    if (sequence.table.empty() && !request_.tables.empty()) continue;
    const auto there = target_.sequences.find(name);
    if (!sequence.readable) {
      Add(Severity::kBlocks, sequence.table, "sequence-right", name,
          absl::StrCat("the role of the source may not read the sequence ", name),
          absl::StrCat("GRANT SELECT ON SEQUENCE ", QuoteName(name), " TO …"));
    }
    if (there == target_.sequences.end()) {
      Add(Severity::kBlocks, sequence.table, "sequence-missing", name,
          absl::StrCat("the target has no sequence ", name),
          absl::StrCat("CREATE SEQUENCE ", QuoteName(name), " ", sequence.definition), true);
    } else if (!there->second.readable || !there->second.writable) {
      Add(Severity::kBlocks, sequence.table, "sequence-right", name,
          absl::StrCat("the role of the target may not read or set the sequence ", name),
          absl::StrCat("GRANT SELECT, UPDATE ON SEQUENCE ", QuoteName(name), " TO …"));
    }
  }
}

absl::StatusOr<Plan> Planner::Make() {
  if (absl::Status chosen = ChooseTables(); !chosen.ok()) return chosen;
  LookAtDatabases();
  LookAtExtensions();
  LookAtTypes();
  for (const std::string& name : plan_.tables) {
    const Table& source = *source_.FindTable(name);
    LookAtRights(source, true);
    const Table* const target = target_.FindTable(name);
    if (target == nullptr) {
      Add(Severity::kBlocks, name, "table-missing", "", "the target has no such table", "tables sync --create", true);
      if (source.primary_key().empty()) {
        Add(Severity::kBlocks, name, "primary-key-missing", "",
            "the source has no primary key: rows cannot be told apart", "give it one");
      }
      continue;
    }
    LookAtRights(*target, false);
    std::vector<Finding> differences = DifferencesOf(source, *target);
    std::move(differences.begin(), differences.end(), std::back_inserter(plan_.findings));
    if (absl::Status looked = LookAtKey(name); !looked.ok()) return looked;
    if (!request_.way_back) LookAtWayBack(source, *target);
  }
  for (const auto& [name, table] : target_.tables) {
    if (source_.FindTable(name) != nullptr || IsAuthState(name) || !request_.tables.empty()) continue;
    Add(Severity::kWarns, name, "table-extra", "", "only the target has this table: it is left alone");
  }
  LookAtSequences();
  if (absl::Status needs = LookAtNeeds(); !needs.ok()) return needs;
  const auto order = OrderTables(source_, target_, plan_.tables);
  if (!order.ok()) Add(Severity::kBlocks, "", "circle", "", std::string(order.status().message()));
  for (Finding& finding : plan_.findings) {
    if (request_.way_back && IsDoneWithout(finding)) finding.severity = Severity::kWarns;
  }
  return std::move(plan_);
}

}  // namespace

std::vector<Finding> Plan::Blocking(const PlanRequest& request) const {
  std::vector<Finding> blocking;
  std::copy_if(findings.begin(), findings.end(), std::back_inserter(blocking), [&request](const Finding& finding) {
    return finding.severity == Severity::kBlocks && !(request.create && finding.created) &&
           !Has(request.accepted, finding.id);
  });
  return blocking;
}

absl::StatusOr<Plan> MakePlan(Database& from, const Catalogue& from_catalogue, const Catalogue& to_catalogue,
                              const PlanRequest& request) {
  return Planner(from, from_catalogue, to_catalogue, request).Make();
}

std::vector<std::string> ApplicationTables(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const auto& [name, table] : catalogue.tables) {
    if (!IsAuthState(name)) names.push_back(name);
  }
  return names;
}

std::vector<Finding> SchemaDifferences(const Plan& plan) {
  std::vector<Finding> differences;
  std::copy_if(plan.findings.begin(), plan.findings.end(), std::back_inserter(differences), [](const Finding& finding) {
    constexpr absl::string_view kOfTheRole[] = {".right-",   ".row-security", ".statement-timeout", ".trigger",
                                                ".policies", ".not-moved",    ".sequence-right",    ".way-back"};
    return std::none_of(std::begin(kOfTheRole), std::end(kOfTheRole),
                        [&finding](absl::string_view code) { return absl::StrContains(finding.id, code); });
  });
  return differences;
}

}  // namespace authstate::tables
