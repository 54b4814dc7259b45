#ifndef AUTHSTATE_CLIENT_CLI_STORES_FORMATS_H_
#define AUTHSTATE_CLIENT_CLI_STORES_FORMATS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/folder/file_name.h"
#include "client/cli/stores/dump.h"
#include "client/cli/stores/entries.h"

// The stores that are known, as data: what their dumps look like. Where each keeps what is docs/from-other-stores.md.
namespace authstate::cli {

// The columns of a table by what they hold; empty: it has none.
struct RowShape {
  // Its name, in a dump that names tables.
  absl::string_view table;
  // The session; without it the dump is of one session.
  absl::string_view session;
  // The key's type, which then is not in its name.
  absl::string_view type;
  // The name of the entry, or the key's id; without it every row holds creds.
  absl::string_view name;
  // The value; without it the row's other members are the value.
  absl::string_view value;
  // Values are JSON themselves, and none stands in a string.
  bool exact = false;
};

struct Format {
  // What --from calls it.
  absl::string_view name;
  // What a dump of it is made of, for people.
  absl::string_view what;
  std::vector<RowShape> shapes;
  // For what rows do not tell: whether a dump is of this format, and its sessions.
  bool (*matches)(const Dump& dump) = nullptr;
  DumpSessions (*read)(const Dump& dump) = nullptr;
};

// All that are known. A dump is of the first that fits it.
const std::vector<Format>& Formats();

// What --from takes: "folder", and the names of Formats.
std::vector<std::string> FormatNames();

// The first format that `dump` fits, of those of that `name` if it is not empty; nullptr: none.
const Format* FindFormat(const Dump& dump, absl::string_view name, const FileNameRules& rules);

// Whether some format has a table of this name.
bool IsKnownTable(absl::string_view table);

// The sessions of a dump that fits `format`.
DumpSessions SessionsOf(const Format& format, const Dump& dump, const FileNameRules& rules);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_FORMATS_H_
