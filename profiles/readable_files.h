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

// Of the file at `path`, which `what` names.
std::optional<std::string> WarningOfReaders(absl::string_view what, const std::string& path);

// Of a configuration file in which a password stands.
std::optional<std::string> WarningOfConfigReaders(const std::string& path);

// Of an SQLite database, and of the files beside it that hold a part of it.
std::vector<std::string> WarningsOfDatabaseReaders(const std::string& path);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_READABLE_FILES_H_
