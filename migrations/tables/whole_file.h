#ifndef AUTHSTATE_MIGRATIONS_TABLES_WHOLE_FILE_H_
#define AUTHSTATE_MIGRATIONS_TABLES_WHOLE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Files that are read and written whole. Errors name the path.
namespace authstate::tables {

// NotFound when there is no such file; else as the system says why it cannot be read.
absl::StatusOr<std::string> ReadWhole(const std::string& path);

// Takes the place of the file at once, so that there is always a whole one. Fails as the system does.
absl::Status WriteWhole(const std::string& path, absl::string_view text);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_WHOLE_FILE_H_
