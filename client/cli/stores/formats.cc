#include "client/cli/stores/formats.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/stores/single_file.h"
#include "client/cli/stores/whatsmeow.h"
#include "client/cli/terminal/output.h"
#include "contract/json_members.h"

namespace authstate::cli {
namespace {

// The row without the member that names it. An array has no members, so Evolution 1 puts it under one.
std::string Spread(const DumpRow& row, absl::string_view name_column) {
  const std::string* const array = row.Find("content_array");
  if (array != nullptr && row.cells.size() == 2) return *array;
  std::string object = "{";
  for (const auto& [column, json] : row.cells) {
    if (column == name_column) continue;
    absl::StrAppend(&object, object.size() > 1 ? "," : "", ToText(Json(column)), ":", json);
  }
  return absl::StrCat(object, "}");
}

bool HasColumns(const RowShape& shape, const DumpRow& row) {
  return absl::c_all_of(std::vector<absl::string_view>{shape.session, shape.type, shape.name, shape.value},
                        [&row](absl::string_view column) {
                          return column.empty() ||
                                 absl::c_any_of(row.cells, [&](const auto& cell) { return cell.first == column; });
                        });
}

bool IsCredsName(absl::string_view name) { return name == "creds" || name == "auth_creds" || name == "__creds__"; }

// Divides `<session>:<name>`, as Redis keys are called; no name of an entry ends with a colon and another name.
std::pair<absl::string_view, absl::string_view> DivideName(absl::string_view name, const FileNameRules& rules) {
  const std::size_t colon = name.rfind(':');
  if (colon == absl::string_view::npos) return {"", name};
  const absl::string_view rest = name.substr(colon + 1);
  if (!IsCredsName(rest) && !FromEntryName(rest, rules).ok()) return {"", name};
  return {name.substr(0, colon), rest};
}

bool IsEntryName(absl::string_view name, const FileNameRules& rules) {
  const absl::string_view rest = DivideName(name, rules).second;
  return IsCredsName(rest) || FromEntryName(rest, rules).ok();
}

bool IsCredsAlone(const Dump& dump) {
  return FindMember(dump.document, {"noiseKey"}).has_value() ||
         UnwrapCreds({ValueKind::kJson, dump.document}).has_value();
}

DumpSessions ReadCredsAlone(const Dump& dump) { return {{"", {{{"creds", std::nullopt, dump.document}}, {}}}}; }

// Creds have no id, so one row that has all columns is enough. A table without rows fits by its name.
bool Fits(const RowShape& shape, const DumpTable& table, const FileNameRules& rules) {
  if (!table.name.empty() && table.name != shape.table) return false;
  // Rows that do not even name a session or an entry could be anybody's.
  if (table.name.empty() && shape.session.empty() && shape.name.empty()) return false;
  if (table.rows.empty()) return !table.name.empty();
  return absl::c_any_of(table.rows, [&](const DumpRow& row) {
    // Any object has names; those of entries tell that it is one of them.
    return HasColumns(shape, row) && (shape.name != kNameColumn || IsEntryName(row.Text(kNameColumn), rules));
  });
}

// Entries that stores keep beside the state.
bool IsBesideTheState(absl::string_view name) {
  return name == "metadata" || name == "import-candidates" || absl::StartsWith(name, "session-config-");
}

void AddNamed(absl::string_view name, StoreEntry entry, const FileNameRules& rules, SessionEntries* session) {
  if (IsBesideTheState(name)) {
    return session->left_out.push_back({std::string(name), "is none of the state"});
  }
  if (!IsCredsName(name)) {
    absl::StatusOr<client::KeyName> key = FromEntryName(name, rules);
    if (!key.ok()) return session->left_out.push_back({std::string(name), std::string(key.status().message())});
    entry.key = *std::move(key);
  }
  session->entries.push_back(std::move(entry));
}

void AddRow(const RowShape& shape, const DumpRow& row, const FileNameRules& rules, DumpSessions* sessions) {
  const std::string name = shape.name.empty() ? "" : row.Text(shape.name);
  const std::string* const value = shape.value.empty() ? nullptr : row.Find(shape.value);
  // A row whose value is null is deleted.
  if (!shape.value.empty() && value == nullptr) return;
  StoreEntry entry;
  entry.exact = shape.exact;
  entry.json = value == nullptr ? Spread(row, shape.name) : *value;
  std::string session = shape.session.empty() ? "" : row.Text(shape.session);
  const std::string type = shape.type.empty() ? "" : row.Text(shape.type);
  if (shape.name.empty() || IsCredsName(type)) {
    entry.label = "creds";
    (*sessions)[session].entries.push_back(std::move(entry));
  } else if (!shape.type.empty()) {
    entry.label = absl::StrCat(type, "-", name);
    entry.key = {type, name};
    (*sessions)[session].entries.push_back(std::move(entry));
  } else {
    absl::string_view rest = name;
    if (shape.session.empty()) {
      const auto divided = DivideName(name, rules);
      session = std::string(divided.first);
      rest = divided.second;
    }
    entry.label = name;
    AddNamed(rest, std::move(entry), rules, &(*sessions)[session]);
  }
}

}  // namespace

const std::vector<Format>& Formats() {
  static const RowShape names{"", "", "", kNameColumn, kValueColumn};
  static const RowShape rows{"auth", "session", "", "id", "value"};
  static const RowShape prisma{"Session", "sessionId", "", "id", "data"};
  static const RowShape documents{"", "", "", "_id", ""};
  static const auto* const formats = new std::vector<Format>{
      {"creds", "creds alone", {}, IsCredsAlone, ReadCredsAlone},
      {"single-file", "the one file of useSingleFileAuthState", {}, IsSingleFile, ReadSingleFile},
      {"whatsmeow", "the tables of whatsmeow", {}, IsWhatsmeow, ReadWhatsmeow},
      {"jsonl", "rows of session, type, id, value", {{"", "session", "type", "id", "value", true}}},
      {"baileys-sqlite",
       "the tables creds and signal_keys",
       {{"creds", "", "", "", "value"}, {"signal_keys", "", "type", "id", "value"}}},
      {"mysql-baileys", "rows of session, id, value", {rows}},
      {"supabase-baileys", "rows of session, id, value", {rows}},
      {"evolution-v2", "rows of sessionId, creds", {{"Session", "sessionId", "", "", "creds"}}},
      {"ookamiiixd", "rows of sessionId, id, data", {prisma}},
      {"nizarfadlan", "rows of sessionId, id, data", {prisma}},
      {"mongo-baileys", "documents by _id", {documents}},
      {"evolution-v1", "documents by _id", {documents}},
      {"map", "names with their values", {names}},
      {"evolution-v2", "names with their values", {names}},
      {"fazer-ai", "names with their values", {names}},
      {"baileys-redis-auth", "names with their values", {names}},
  };
  return *formats;
}

std::vector<std::string> FormatNames() {
  std::vector<std::string> names{"folder"};
  for (const Format& format : Formats()) {
    if (!absl::c_linear_search(names, format.name)) names.emplace_back(format.name);
  }
  return names;
}

const Format* FindFormat(const Dump& dump, absl::string_view name, const FileNameRules& rules) {
  for (const Format& format : Formats()) {
    if (!name.empty() && format.name != name) continue;
    if (format.matches != nullptr && format.matches(dump)) return &format;
    for (const RowShape& shape : format.shapes) {
      const auto fits = [&](const DumpTable& table) { return Fits(shape, table, rules); };
      if (absl::c_any_of(dump.tables, fits)) return &format;
    }
  }
  return nullptr;
}

bool IsKnownTable(absl::string_view table) {
  return IsWhatsmeowTable(table) || absl::c_any_of(Formats(), [table](const Format& format) {
           return absl::c_any_of(format.shapes, [table](const RowShape& shape) { return shape.table == table; });
         });
}

DumpSessions SessionsOf(const Format& format, const Dump& dump, const FileNameRules& rules) {
  if (format.read != nullptr) return format.read(dump);
  DumpSessions sessions;
  for (const DumpTable& table : dump.tables) {
    const auto shape =
        absl::c_find_if(format.shapes, [&](const RowShape& candidate) { return Fits(candidate, table, rules); });
    if (shape == format.shapes.end()) continue;
    for (const DumpRow& row : table.rows) AddRow(*shape, row, rules, &sessions);
  }
  return sessions;
}

}  // namespace authstate::cli
