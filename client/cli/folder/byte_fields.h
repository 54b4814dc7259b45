#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_BYTE_FIELDS_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_BYTE_FIELDS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "contract/value.h"

// Buffers that another store has written as something else. JSON.stringify without BufferJSON.replacer makes
// {"0":216,"1":23,…} of a Uint8Array and [216,23,…] of an array; some stores write {"buffer":true,"data":…};
// MongoDB exports {"$binary":{"base64":…}}. Baileys' reviver takes some of these for bytes and others not, by their
// look; here it is the field that decides.
namespace authstate::cli {

// The type under which the byte fields of creds are known here; no key type is empty.
inline constexpr absl::string_view kCredsType;

// The bytes that `json`, canonical text of a field that holds bytes, stands for: a Buffer tag, MongoDB's
// binary, an object whose names are the places 0 to n-1, or an array of integers 0 to 255, not empty; nullopt for
// anything else.
std::optional<std::string> BytesOf(absl::string_view json);

// Writes what stands for bytes in the byte fields of a value of `type` as Buffers; true when it changed something.
// `value` is canonical, and still is. What is no form of bytes stays as it is.
bool MendByteFields(absl::string_view type, Value* value);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_BYTE_FIELDS_H_
