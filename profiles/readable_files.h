#ifndef AUTHSTATE_PROFILES_READABLE_FILES_H_
#define AUTHSTATE_PROFILES_READABLE_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Files with secrets that other accounts of the machine can read, told in a line that has the mode and the command that
// closes them. A file that is not there, or cannot be looked at, is none. As libpq has it for its key files, the group
// may read what belongs to root where this process does not: it could not read it itself otherwise.
namespace authstate::profiles {

// The warning about the file at `path`; it calls the file `what`.
std::optional<std::string> WarningOfReaders(absl::string_view what, const std::string& path);

// The warning about a configuration file. There is none unless a password stands in the file.
std::optional<std::string> WarningOfConfigReaders(const std::string& path);

// The warnings about an SQLite database and the files beside it that hold a part of it.
std::vector<std::string> WarningsOfDatabaseReaders(const std::string& path);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_READABLE_FILES_H_
