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
#include "migrations/tables/sequence_pairs.h"
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

Finding MakeFinding(Severity severity, const std::string& table, absl::string_view code, absl::string_view of,
                    std::string what, std::string remedy = "", bool created = false) {
  Finding finding;
  finding.severity = severity;
  finding.id = absl::StrCat(table.empty() ? "database" : table, ".", code, of.empty() ? "" : ".", of);
  finding.table = table;
  finding.what = std::move(what);
  finding.remedy = std::move(remedy);
  finding.created = created;
  return finding;
}

class Planner {
 public:
  Planner(const Catalogue& source, const Catalogue& target, const PlanRequest& request)
      : source_(source), target_(target), request_(request) {}

  absl::StatusOr<Plan> Make();

 private:
  template <typename... Parts>
  void Add(Parts&&... parts) {
    plan_.findings.push_back(MakeFinding(std::forward<Parts>(parts)...));
  }
  absl::Status ChooseTables();
  void LookAtDatabases();
  void LookAtExtensions();
  void LookAtTypes();
  void LookAtFunctions();
  void LookAtReferrers(const Table& table);
  void LookAtRights(const Table& table, bool source);
  void LookAtKey(const std::string& name);
  void LookAtWayBack(const Table& source, const Table& target);
  absl::Status LookAtNeeds();
  void LookAtSequences();

  const Catalogue& source_;
  const Catalogue& target_;
  const PlanRequest& request_;
  Plan plan_;
};

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
    if (!side->timeouts.empty()) {
      Add(Severity::kWarns, "", "time-outs", name,
          absl::StrCat("the role of the ", name, " has ", absl::StrJoin(side->timeouts, ", "),
                       "; --statement-timeout takes their place, where no pooler has some of its own"));
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
      Add(PrintsAlike(definition, *there) ? Severity::kWarns : Severity::kBlocks, "", "type-differs", name,
          absl::StrCat("type ", name, " differs: source: ", definition, "; target: ", *there));
    }
  }
}

void Planner::LookAtFunctions() {
  for (const auto& [table, function] : source_.needed_functions) {
    if (!(table.empty() || Has(plan_.tables, table)) || Has(target_.functions, function)) continue;
    // Where the target has all the rest, it does without.
    Add(request_.create ? Severity::kBlocks : Severity::kWarns, table, "function-missing", function,
        absl::StrCat("the target has no function ", function, ", without which --create cannot make the ",
                     table.empty() ? "types" : "table"),
        absl::StrCat("make it there, and what it calls: SELECT pg_get_functiondef(", QuoteLiteral(function),
                     "::regprocedure) in the source tells how"));
  }
}

// Whose rows are not moved, and would be changed when rows of `table` are deleted.
void Planner::LookAtReferrers(const Table& table) {
  std::vector<std::string> referrers = table.referrers;
  for (const auto& [name, other] : target_.tables) {
    if (Has(plan_.tables, name)) continue;
    for (const Constraint& constraint : other.constraints) {
      if (constraint.kind != 'f' || constraint.referenced != table.name) continue;
      referrers.push_back(absl::StrCat(name, ": ", constraint.definition));
    }
  }
  for (const std::string& referrer : referrers) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(referrer, absl::MaxSplits(": ", 1));
    const bool changes = absl::StrContains(parts.second, " CASCADE") || absl::StrContains(parts.second, " SET NULL") ||
                         absl::StrContains(parts.second, " SET DEFAULT");
    Add(changes ? Severity::kBlocks : Severity::kWarns, table.name, "referenced-from-outside", parts.first,
        absl::StrCat(parts.first, " of the target, which is not moved, has ", parts.second,
                     changes ? ": its rows would be deleted or changed along"
                             : ": what its rows refer to is not deleted, but named"),
        changes ? "move it too (--tables), or make that foreign key NO ACTION meanwhile" : "");
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

void Planner::LookAtKey(const std::string& name) {
  if (target_.FindTable(name)->primary_key().empty()) return;
  const absl::StatusOr<TablePair> pair = PairTables(source_, target_, name);
  if (!pair.ok()) Add(Severity::kBlocks, name, "key", "", std::string(pair.status().message()));
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
  const auto grant = [this](const Sequence& sequence, bool source) {
    Add(Severity::kBlocks, sequence.table, "sequence-right", sequence.name,
        absl::StrCat("the role of the ", source ? "source may not read" : "target may not read or set",
                     " the sequence ", sequence.name),
        absl::StrCat("GRANT SELECT", source ? "" : ", UPDATE", " ON SEQUENCE ", QuoteName(sequence.name), " TO …"));
  };
  const auto text = [](const Sequence& sequence) {
    return absl::StrCat(sequence.name, " AS ", sequence.type, " ", sequence.definition);
  };
  for (const SequencePair& pair : PairSequences(source_, target_, plan_.tables, request_.tables.empty())) {
    const Sequence* const there = pair.there;
    for (const Sequence* const here : pair.here) {
      if (!here->readable) grant(*here, true);
      if (there == nullptr || (here->type == there->type && here->definition == there->definition)) continue;
      const bool other_way = (here->increment > 0) != (there->increment > 0);
      Add(other_way ? Severity::kBlocks : Severity::kWarns, there->table, "sequence-differs", there->name,
          absl::StrCat("the source has the sequence ", text(*here), " and the target ", text(*there)),
          absl::StrCat("ALTER SEQUENCE ", QuoteName(there->name), " ", here->definition));
    }
    if (there == nullptr && !pair.shown().of_identity) {
      Add(Severity::kBlocks, pair.shown().table, "sequence-missing", pair.shown().name,
          absl::StrCat("the target has no sequence ", pair.shown().name),
          absl::StrCat("CREATE SEQUENCE ", QuoteName(pair.shown().name), " AS ", pair.shown().type, " ",
                       pair.shown().definition),
          true);
    } else if (there != nullptr && !(there->readable && there->writable)) {
      grant(*there, false);
    }
  }
}

absl::StatusOr<Plan> Planner::Make() {
  if (absl::Status chosen = ChooseTables(); !chosen.ok()) return chosen;
  LookAtDatabases();
  LookAtExtensions();
  LookAtTypes();
  LookAtFunctions();
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
    LookAtReferrers(*target);
    std::vector<Finding> differences = DifferencesOf(source, *target);
    std::move(differences.begin(), differences.end(), std::back_inserter(plan_.findings));
    LookAtKey(name);
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

absl::StatusOr<Plan> PlanFrom(const Catalogue& from, const Catalogue& to, const PlanRequest& request) {
  return Planner(from, to, request).Make();
}

absl::StatusOr<Plan> MakePlan(Database& from, const Catalogue& from_catalogue, const Catalogue& to_catalogue,
                              const PlanRequest& request) {
  absl::StatusOr<Plan> plan = PlanFrom(from_catalogue, to_catalogue, request);
  if (!plan.ok()) return plan;
  for (const std::string& name : plan->tables) {
    if (to_catalogue.FindTable(name) == nullptr) continue;
    const absl::StatusOr<TablePair> pair = PairTables(from_catalogue, to_catalogue, name);
    if (!pair.ok()) continue;
    if (!pair->unique) {
      const absl::StatusOr<Rows> twice = from.Read(pair->AnyTwice());
      if (!twice.ok()) return twice.status();
      if (twice->Bool(0, 0)) {
        plan->findings.push_back(
            MakeFinding(Severity::kBlocks, name, "key", "", std::string(KeyTwice(*pair).message())));
      }
    }
    for (const std::string& column : pair->key) {
      if (from_catalogue.FindTable(name)->FindColumn(column)->not_null) continue;
      const absl::StatusOr<Rows> rows = from.Read(
          absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", pair->sql_name, " WHERE ", QuoteName(column), " IS NULL)"));
      if (!rows.ok()) return rows.status();
      if (!rows->Bool(0, 0)) continue;
      plan->findings.push_back(MakeFinding(
          Severity::kBlocks, name, "key-null", column,
          absl::StrCat("column ", column, " is in the primary key of the target, and NULL in rows of the source")));
    }
  }
  return plan;
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
    constexpr absl::string_view kOfTheRole[] = {".right-",         ".row-security", ".time-outs",
                                                ".trigger",        ".policies",     ".not-moved",
                                                ".sequence-right", ".way-back",     ".referenced-from-outside"};
    return std::none_of(std::begin(kOfTheRole), std::end(kOfTheRole),
                        [&finding](absl::string_view code) { return absl::StrContains(finding.id, code); });
  });
  return differences;
}

}  // namespace authstate::tables
