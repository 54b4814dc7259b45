#include <algorithm>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/stores/dump.h"
#include "contract/codec.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

bool IsObject(absl::string_view json) { return json.front() == '{'; }
bool IsString(absl::string_view json) { return json.front() == '"'; }

std::string NameOf(absl::string_view token) {
  // A name with an unpaired surrogate stays as it is written; nothing here is called so.
  return UnescapeJsonString(token).value_or(std::string(token));
}

DumpRow RowOf(absl::string_view object) {
  DumpRow row;
  for (const JsonMember& member : MembersOf(object)) {
    row.cells.emplace_back(NameOf(member.name), std::string(member.value));
  }
  return row;
}

DumpRow NamedValue(absl::string_view name, absl::string_view value) {
  return {{{std::string(kNameColumn), std::string(name)}, {std::string(kValueColumn), std::string(value)}}};
}

// Rows, when that is what the array has: objects, or names each followed by its value.
std::optional<DumpTable> TableOf(absl::string_view array) {
  if (array.front() != '[') return std::nullopt;
  const std::vector<JsonMember> elements = MembersOf(array);
  DumpTable table;
  if (absl::c_all_of(elements, [](const JsonMember& element) { return IsObject(element.value); })) {
    for (const JsonMember& element : elements) table.rows.push_back(RowOf(element.value));
    return table;
  }
  if (elements.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < elements.size(); i += 2) {
    if (!IsString(elements[i].value)) return std::nullopt;
    table.rows.push_back(NamedValue(elements[i].value, elements[i + 1].value));
  }
  return table;
}

// {"<table>":[rows],…}; none when any member is something else.
std::vector<DumpTable> TablesOf(const std::vector<JsonMember>& members) {
  std::vector<DumpTable> tables;
  for (const JsonMember& member : members) {
    // What PostgreSQL makes of a table without rows.
    std::optional<DumpTable> table = member.value == "null" ? DumpTable() : TableOf(member.value);
    if (!table.has_value()) return {};
    table->name = NameOf(member.name);
    tables.push_back(*std::move(table));
  }
  return tables;
}

Dump DumpOf(std::string document) {
  Dump dump;
  if (std::optional<DumpTable> table = TableOf(document)) {
    dump.tables.push_back(*std::move(table));
    return dump;
  }
  if (IsObject(document)) {
    dump.tables = TablesOf(MembersOf(document));
    if (!dump.tables.empty()) return dump;
    // One row, or names with values: the format decides.
    dump.tables.push_back({"", {RowOf(document)}});
    DumpTable& named = dump.tables.emplace_back();
    for (const JsonMember& member : MembersOf(document)) named.rows.push_back(NamedValue(member.name, member.value));
  }
  dump.document = std::move(document);
  return dump;
}

absl::StatusOr<Dump> ReadLines(absl::string_view text) {
  Dump dump;
  DumpTable& table = dump.tables.emplace_back();
  std::size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const absl::StatusOr<Value> row = ParseBufferJson(line);
    if (row.ok() && row->kind == ValueKind::kJson && IsObject(row->bytes)) {
      table.rows.push_back(RowOf(row->bytes));
    } else {
      dump.torn_lines.push_back(
          {absl::StrCat("line ", number), row.ok() ? "is no JSON object" : std::string(row.status().message())});
    }
  }
  return dump;
}

}  // namespace

const std::string* DumpRow::Find(absl::string_view column) const {
  const auto cell = absl::c_find_if(cells, [&](const auto& candidate) { return candidate.first == column; });
  return cell == cells.end() || cell->second == "null" ? nullptr : &cell->second;
}

std::string DumpRow::Text(absl::string_view column) const {
  const std::string* const cell = Find(column);
  if (cell == nullptr) return "";
  return IsString(*cell) ? NameOf(*cell) : *cell;
}

absl::StatusOr<Dump> ReadJsonDump(absl::string_view text) {
  absl::StatusOr<Value> document = ParseBufferJson(text);
  if (document.ok() && document->kind == ValueKind::kJson) {
    return DumpOf(std::move(document->bytes));
  }
  absl::StatusOr<Dump> lines = ReadLines(text);
  // Without any row that is JSON it was a document, and is torn.
  if (lines->tables.front().rows.empty()) {
    return absl::InvalidArgumentError(document.ok() ? "is one Buffer" : document.status().message());
  }
  return lines;
}

}  // namespace authstate::cli
