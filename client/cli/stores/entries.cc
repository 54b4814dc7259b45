#include "client/cli/stores/entries.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/byte_fields.h"
#include "client/cli/folder/file_name.h"
#include "contract/codec.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

// A store that encodes once has a string, one that encodes twice has a string in it.
constexpr int kMostStrings = 3;

bool IsString(absl::string_view json) { return absl::StartsWith(json, "\""); }

// `"77"` of what stands as 77, "77" or "\"77\"".
absl::StatusOr<std::string> Mapping(std::string json) {
  for (int strings = 0; IsString(json); ++strings) {
    const std::optional<std::string> text = UnescapeJsonString(json);
    if (!text.has_value() || strings == kMostStrings) return absl::InvalidArgumentError("is no text");
    if (!IsString(*text)) return json;
    json = *text;
  }
  const bool digits = std::all_of(json.begin(), json.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
  if (!digits) return absl::InvalidArgumentError("is no mapping");
  return absl::StrCat("\"", json, "\"");
}

// A MongoDB export has bytes as {"$binary":…}, which the byte fields know. What else is so marked is nothing of
// Baileys.
absl::Status CheckExtendedJson(absl::string_view type, Value value) {
  (void)MendByteFields(type, &value);
  if (value.kind == ValueKind::kRaw || !absl::StrContains(value.bytes, "{\"$")) return absl::OkStatus();
  return absl::InvalidArgumentError("has a value in a form of MongoDB's own; export with --jsonFormat=relaxed");
}

// Where a jid with dots became a path, {"5511@s":{"whatsapp":{"net":true}}}, as in MongoDB.
bool IsNestedMemory(absl::string_view type, absl::string_view json) {
  if (type != "sender-key-memory") return false;
  const std::vector<JsonMember> members = MembersOf(json);
  return std::any_of(members.begin(), members.end(),
                     [](const JsonMember& member) { return absl::StartsWith(member.value, "{"); });
}

// In creds that stand beneath a member of their own, {"creds":{…}}, those; else `json`.
std::string InnerCreds(const std::string& json) {
  const std::optional<absl::string_view> inner = FindMember(json, {"creds"});
  const bool wrapped = inner.has_value() && !FindMember(json, {"noiseKey"}).has_value();
  return wrapped ? std::string(*inner) : json;
}

void AddTo(FolderBuilder& builder, const StoreEntry& entry) {
  const std::string type = entry.key.has_value() ? entry.key->type : std::string(kCredsType);
  int strings = 0;
  absl::StatusOr<std::optional<Value>> value = DecodeEntry(type, entry, &strings);
  // The dump says that it was deleted.
  if (value.ok() && !value->has_value()) return;
  absl::StatusOr<Value> read = value.ok() ? absl::StatusOr<Value>(**std::move(value)) : value.status();
  if (read.ok()) {
    absl::Status plain = CheckExtendedJson(type, *read);
    if (!plain.ok()) read = std::move(plain);
  }
  if (!entry.key.has_value()) {
    builder.AddCreds(entry.label, read);
    if (strings > 1) builder.folder().creds_unwrapped = true;
    return;
  }
  if (const absl::Status name = CheckKeyName(*entry.key); !name.ok()) {
    builder.folder().left_out.push_back({entry.label, std::string(name.message())});
    return;
  }
  if (read.ok() && IsNestedMemory(type, read->bytes)) {
    builder.folder().left_out.push_back(
        {entry.label, "the store has broken its names at their dots; Baileys hands out the sender key again"});
    return;
  }
  builder.AddKey(entry.label, *entry.key, std::move(read));
}

}  // namespace

absl::StatusOr<std::optional<Value>> DecodeEntry(absl::string_view type, const StoreEntry& entry, int* strings) {
  *strings = 0;
  std::string json = entry.json;
  if (json == "null") return std::optional<Value>();
  if (type == "lid-mapping" && !entry.exact) {
    absl::StatusOr<std::string> mapping = Mapping(std::move(json));
    if (!mapping.ok()) return mapping.status();
    json = *std::move(mapping);
  }
  while (type != "lid-mapping" && IsString(json) && !entry.exact) {
    const std::optional<std::string> text = UnescapeJsonString(json);
    if (!text.has_value()) return absl::InvalidArgumentError("holds text that is no JSON");
    if (*text == "null") return std::optional<Value>();
    // As in a folder, so that what is empty or too long is told alike.
    const absl::StatusOr<Value> inner = ParseEntry(*text);
    if (!inner.ok()) return inner.status();
    if (++*strings > kMostStrings) return absl::InvalidArgumentError("is text within text within text");
    if (inner->kind == ValueKind::kRaw) return std::optional<Value>(*inner);
    json = inner->bytes;
  }
  if (type == kCredsType) json = InnerCreds(json);
  const absl::StatusOr<Value> value = ParseEntry(json);
  if (!value.ok()) return value.status();
  return std::optional<Value>(*value);
}

absl::StatusOr<Folder> FolderOf(const SessionEntries& session, const std::vector<FolderProblem>& torn_lines,
                                absl::string_view path, bool with_creds, bool skip_torn) {
  FolderBuilder builder(skip_torn);
  builder.folder().left_out = session.left_out;
  for (const FolderProblem& line : torn_lines) {
    if (skip_torn) {
      builder.folder().left_out.push_back(line);
    } else {
      builder.Refuse(line.file, line.reason);
    }
  }
  for (const StoreEntry& entry : session.entries) {
    if (entry.key.has_value() || with_creds) AddTo(builder, entry);
  }
  return std::move(builder).Finish(path, "value");
}

}  // namespace authstate::cli
