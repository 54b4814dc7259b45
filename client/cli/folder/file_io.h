#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FILE_IO_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FILE_IO_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Whole files at a time. Errors say what failed and why, as the system words it; the path is the caller's to add.
namespace authstate::cli {

// All that can be read from `fd`, which stays open. InvalidArgument when there are more than `max_bytes`.
absl::StatusOr<std::string> ReadAll(int fd, std::size_t max_bytes);

// What becomes of a symbolic link in the place of a file.
enum class Links : std::uint8_t { kFollowed, kRefused };

// FailedPrecondition when there is no regular file at `path`.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes, Links links);

// Writes a file that must not exist yet, readable by its owner alone.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes);

// The error of the last system call, as a status: `what` and the system's words. FailedPrecondition for what the caller
// can mend, such as a path that is not there, else Internal.
absl::Status SystemError(absl::string_view what);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FILE_IO_H_
