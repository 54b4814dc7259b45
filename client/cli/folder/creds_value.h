#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"

namespace authstate::cli {

// Parses creds: BufferJSON text of an object. Anything else, such as `null`, would be taken by Baileys for no creds at
// all, and InvalidArgument is the answer.
absl::StatusOr<Value> ParseCreds(absl::string_view text);

// Whether a value is creds at all: a JSON object.
bool IsCredsObject(const Value& value);

// The creds in a value that is a JSON string which holds their text: what a store that calls JSON.stringify twice
// leaves behind. nullopt when it is nothing of the kind.
std::optional<Value> UnwrapCreds(const Value& value);

// Whether Baileys can log in and talk with these creds: noiseKey, signedIdentityKey and signedPreKey.keyPair, each with
// `private` and `public` Buffers of 32 bytes, signedPreKey.signature, a Buffer of 64, and registrationId, an integer
// below 2^32: what the Node client asks of them too (client/node/src/baileys/creds_check.ts). Those of an account that
// is not paired yet have them all. Else InvalidArgument, with the member that is at fault and what it is.
absl::Status CheckCreds(const Value& creds);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_CREDS_VALUE_H_
