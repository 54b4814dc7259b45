#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_TOML_TABLES_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_TOML_TABLES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate::cutover {

// One table of an array: the texts that stand below one `[[step]]`, by their keys.
using TomlTable = std::map<std::string, std::string>;

// Reads the part of TOML 1.0 that a list of texts needs: `[[array]]`, `key = "text"` with any of the four kinds of
// quotes, and comments. InvalidArgument for all else, with the number of the line: a number, another table, a key
// twice, a control character, an escape beyond \b \t \n \f \r \" \\ and a line end.
//
// Not by what reads the configuration of authstated (profiles/command_parser.cc): that ends a value at the first `#`,
// within quotes too, which would cut a command and run what is left.
absl::StatusOr<std::vector<TomlTable>> ParseTomlTables(absl::string_view text, absl::string_view array);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_TOML_TABLES_H_
