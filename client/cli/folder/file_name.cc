#include "client/cli/folder/file_name.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "contract/names.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kSuffix = ".json";
constexpr absl::string_view kTcTokenIndex = "__index";

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
}

// What file managers add to the name of a copy: `session-1.0 (1).json`, `session-1.0 copy.json`. No id of Baileys has
// any of it.
bool LooksLikeACopy(absl::string_view id) { return id.find_first_of(" ()~") != absl::string_view::npos; }

bool HasEscape(absl::string_view id) { return absl::StrContains(id, "__") || absl::StrContains(id, '-'); }

std::optional<std::string> Base64Id(absl::string_view id) {
  if (absl::StrContains(id, '-')) return std::nullopt;
  std::string decoded = absl::StrReplaceAll(id, {{"__", "/"}});
  if (absl::StrContains(decoded, '_')) return std::nullopt;
  return decoded;
}

// The address of a group or a broadcast list. The `-` of `<digits>-<digits>@g.us` is the id's own.
bool IsGroup(absl::string_view id) {
  if (absl::StrContains(id, "__") || !absl::StrContains(id, '@')) return false;
  if (!absl::StrContains(id, '-')) return true;
  if (!absl::ConsumeSuffix(&id, "@g.us")) return false;
  const std::size_t dash = id.find('-');
  return IsDigits(id.substr(0, dash)) && IsDigits(id.substr(dash + 1));
}

std::optional<std::string> SenderKeyId(absl::string_view id) {
  const std::size_t before_device = id.rfind("--");
  if (before_device == absl::string_view::npos || before_device == 0) return std::nullopt;
  const std::size_t before_user = id.rfind("--", before_device - 1);
  if (before_user == absl::string_view::npos) return std::nullopt;
  const absl::string_view group = id.substr(0, before_user);
  const absl::string_view user = id.substr(before_user + 2, before_device - before_user - 2);
  const absl::string_view device = id.substr(before_device + 2);
  if (!IsGroup(group) || user.empty() || HasEscape(user) || !IsDigits(device)) return std::nullopt;
  return absl::StrCat(group, "::", user, "::", device);
}

std::optional<std::string> TcTokenId(absl::string_view id) {
  if (id == kTcTokenIndex) return std::string(id);
  const std::size_t dash = id.find('-');
  const std::size_t at = id.find('@');
  if (dash == absl::string_view::npos || at == absl::string_view::npos || at < dash) return std::nullopt;
  const absl::string_view server = id.substr(at);
  const bool is_user = server == "@s.whatsapp.net" || server == "@lid" || server == "@hosted" ||
                       server == "@hosted.lid" || server == "@c.us";
  if (!is_user || !IsDigits(id.substr(0, dash)) || !IsDigits(id.substr(dash + 1, at - dash - 1))) return std::nullopt;
  return absl::StrCat(id.substr(0, dash), ":", id.substr(dash + 1));
}

std::optional<std::string> DecideId(absl::string_view type, absl::string_view id) {
  if (LooksLikeACopy(id)) return std::nullopt;
  if (!HasEscape(id)) return std::string(id);
  if (type == "app-state-sync-key") return Base64Id(id);
  if (type == "sender-key") return SenderKeyId(id);
  if (type == "tctoken") return TcTokenId(id);
  if (type == "sender-key-memory" && IsGroup(id)) return std::string(id);
  return std::nullopt;
}

std::string Escaped(absl::string_view text) { return absl::StrReplaceAll(text, {{"/", "__"}, {":", "-"}}); }

// The type that `stem` (`<type>-<id>`, `escape`d or not) begins with: the longest.
absl::StatusOr<absl::string_view> TypeOf(absl::string_view stem, const FileNameRules& rules, bool escape) {
  absl::string_view longest;
  const auto consider = [&](absl::string_view type) {
    const std::string escaped = escape ? Escaped(type) : std::string(type);
    const bool fits = stem.size() > escaped.size() && absl::StartsWith(stem, escaped) && stem[escaped.size()] == '-';
    if (fits && type.size() > longest.size()) longest = type;
  };
  for (const absl::string_view type : KnownKeyTypes()) consider(type);
  for (const std::string& type : rules.more_types) consider(type);
  if (!longest.empty()) return longest;
  return absl::InvalidArgumentError("is of no known key type; name the type with --key-type, or take it away");
}

}  // namespace

const std::vector<absl::string_view>& KnownKeyTypes() {
  static const auto* const types = new std::vector<absl::string_view>{"app-state-sync-version",
                                                                      "app-state-sync-key",
                                                                      "sender-key-memory",
                                                                      "identity-key",
                                                                      "device-list",
                                                                      "lid-mapping",
                                                                      "sender-key",
                                                                      "pre-key",
                                                                      "session",
                                                                      "tctoken"};
  return *types;
}

absl::Status CheckKeyName(const client::KeyName& name) {
  for (const absl::Status& status : {CheckKeyType(name.type), CheckKeyId(name.id)}) {
    if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("its key name: ", status.message()));
  }
  return absl::OkStatus();
}

std::string ToFileName(const client::KeyName& name) { return Escaped(absl::StrCat(name.type, "-", name.id, kSuffix)); }

absl::StatusOr<client::KeyName> FromFileName(absl::string_view file, const FileNameRules& rules) {
  absl::string_view stem = file;
  absl::ConsumeSuffix(&stem, kSuffix);
  const absl::StatusOr<absl::string_view> type = TypeOf(stem, rules, /*escape=*/true);
  if (!type.ok()) return type.status();
  // An escaped type is as long as its escape; only `/` grows.
  const std::size_t type_bytes = absl::StrReplaceAll(*type, {{"/", "__"}}).size();
  const absl::string_view text = stem.substr(type_bytes + 1);
  std::optional<std::string> id = DecideId(*type, text);
  if (LooksLikeACopy(text) && !rules.literal_ids) {
    return absl::InvalidArgumentError(
        "has the name of a copy that a file manager made; move it away, or take it as it stands with --literal-ids");
  }
  if (!id.has_value() && !rules.literal_ids) {
    return absl::InvalidArgumentError(
        absl::StrCat("the id of this ", *type,
                     " cannot be told from its file name (__ may have been /, - may have been :); --literal-ids "
                     "takes it as it stands"));
  }
  client::KeyName name{std::string(*type), id.has_value() ? *std::move(id) : std::string(text)};
  if (const absl::Status status = CheckKeyName(name); !status.ok()) return status;
  if (ToFileName(name) != file) return absl::InvalidArgumentError("useMultiFileAuthState would not name a file so");
  return name;
}

absl::StatusOr<client::KeyName> FromEntryName(absl::string_view name, const FileNameRules& rules) {
  // An escaped name has neither of these; and one that needs no escape is the same as its escape.
  if (name.find_first_of("/:") == absl::string_view::npos) return FromFileName(absl::StrCat(name, kSuffix), rules);
  const absl::StatusOr<absl::string_view> type = TypeOf(name, rules, /*escape=*/false);
  if (!type.ok()) return type.status();
  client::KeyName key{std::string(*type), std::string(name.substr(type->size() + 1))};
  if (const absl::Status status = CheckKeyName(key); !status.ok()) return status;
  return key;
}

}  // namespace authstate::cli
