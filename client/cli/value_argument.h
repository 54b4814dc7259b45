#ifndef AUTHSTATE_CLIENT_CLI_VALUE_ARGUMENT_H_
#define AUTHSTATE_CLIENT_CLI_VALUE_ARGUMENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace authstate::cli {

// How a value is given on the command line; for the help text.
inline constexpr char kValueHelp[] =
    "The value: BufferJSON text, @FILE to read it from a file, or - for standard input. "
    "Text on the command line can be seen by other users of this machine";

// The bytes that the argument stands for. Errors name the argument or the file, never what it holds.
absl::StatusOr<std::string> ReadValueArgument(const std::string& argument);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_VALUE_ARGUMENT_H_
