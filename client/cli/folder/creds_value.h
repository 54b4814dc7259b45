#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"

namespace authstate::cli {

// Parses creds: BufferJSON text of an object. Anything else, such as `null`, would be taken by Baileys for no creds at
// all, and InvalidArgument is the answer.
absl::StatusOr<Value> ParseCreds(absl::string_view text);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_
