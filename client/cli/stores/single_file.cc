#include "client/cli/stores/single_file.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/file_name.h"
#include "client/cli/terminal/text.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

// KEY_MAP of Baileys 4, src/Utils/use-single-file-auth-state.ts.
constexpr std::pair<absl::string_view, absl::string_view> kTypes[] = {
    {"preKeys", "pre-key"},
    {"sessions", "session"},
    {"senderKeys", "sender-key"},
    {"appStateSyncKeys", "app-state-sync-key"},
    {"appStateVersions", "app-state-sync-version"},
    {"senderKeyMemory", "sender-key-memory"},
};

// "" where it is not known.
absl::string_view TypeOf(absl::string_view member) {
  for (const auto& [name, type] : kTypes) {
    if (name == member) return type;
  }
  const auto known = absl::c_find(KnownKeyTypes(), member);
  return known == KnownKeyTypes().end() ? "" : *known;
}

std::string NameOf(const JsonMember& member) {
  return UnescapeJsonString(member.name).value_or(std::string(member.name));
}

}  // namespace

bool IsSingleFile(const Dump& dump) {
  const absl::string_view document = dump.document;
  const auto keys = FindMember(document, {"keys"});
  return keys.has_value() && keys->front() == '{' && FindMember(document, {"creds"}).has_value();
}

DumpSessions ReadSingleFile(const Dump& dump) {
  DumpSessions sessions;
  SessionEntries& session = sessions[""];
  session.entries.push_back({"creds", std::nullopt, std::string(*FindMember(dump.document, {"creds"}))});
  for (const JsonMember& group : MembersOf(*FindMember(dump.document, {"keys"}))) {
    const std::string name = NameOf(group);
    const absl::string_view type = TypeOf(name);
    const std::vector<JsonMember> keys = MembersOf(group.value);
    if (type.empty() && !keys.empty()) {
      session.left_out.push_back({absl::StrCat("keys.", name),
                                  absl::StrCat(Count(keys.size(), "key"), " of a type that the file does not tell")});
      continue;
    }
    for (const JsonMember& key : keys) {
      const std::string id = NameOf(key);
      session.entries.push_back(
          {absl::StrCat("keys.", name, ".", id), client::KeyName{std::string(type), id}, std::string(key.value)});
    }
  }
  return sessions;
}

}  // namespace authstate::cli
