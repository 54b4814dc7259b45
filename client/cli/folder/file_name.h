#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FILE_NAME_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FILE_NAME_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/types.h"

// The file names of Baileys' useMultiFileAuthState: a key is in `<type>-<id>.json`, where every `/` was replaced with
// `__` and every `:` with `-`.
//
// That is not reversible in general, so the way back goes by what Baileys (6.7, 7.0) puts into ids of each type:
//   the type     the longest known one that the name begins with (`sender-key-memory-…` is no `sender-key`);
//   the id       as it stands, if it holds neither `__` nor `-`; otherwise
//     app-state-sync-key  is base64, which has no `_` and no `-`: `__` was `/`
//     sender-key          is `<group>::<user>::<device>`: the `--` before user and device were `::`
//     tctoken             is `__index`, or a user's address, whose only `:` is before its device
//     sender-key-memory   is a group's or list's address; `-` stands in old group ids (`<phone>-<time>@g.us`)
//   Of the other types ids are numbers, words with `_`, and Signal addresses (`user_1.0`): no `__` and no `-`.
// What follows none of these rules is refused, or taken as it stands when the caller says so; also a name with a space,
// a parenthesis or a tilde, which is that of a copy.
namespace authstate::cli {

inline constexpr absl::string_view kCredsFileName = "creds.json";

struct FileNameRules {
  // Key types to know beside those of Baileys.
  std::vector<std::string> more_types;
  // Where an id cannot be decided, take it as it stands in the file name.
  bool literal_ids = false;
};

// The types that Baileys writes, longest first.
const std::vector<absl::string_view>& KnownKeyTypes();

// OK, or InvalidArgument with the rule of the contract that the type or the id breaks.
absl::Status CheckKeyName(const client::KeyName& name);

// The file of a key, as useMultiFileAuthState names it. Different keys may share a name.
std::string ToFileName(const client::KeyName& name);

// The key of a file; `file` ends with `.json` and is not kCredsFileName. InvalidArgument with the reason when the type
// is unknown, the id cannot be decided, or useMultiFileAuthState would not name the key so.
absl::StatusOr<client::KeyName> FromFileName(absl::string_view file, const FileNameRules& rules);

// The key of an entry that another store has as `<type>-<id>`, escaped as in file names or
// not. InvalidArgument as above.
absl::StatusOr<client::KeyName> FromEntryName(absl::string_view name, const FileNameRules& rules);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FILE_NAME_H_
