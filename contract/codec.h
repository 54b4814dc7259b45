#ifndef AUTHSTATE_CONTRACT_CODEC_H_
#define AUTHSTATE_CONTRACT_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"

// The Buffer-safe codec: between the JSON text that Baileys' BufferJSON writes and the Value that is stored.
//
// Canonical form. One value has one stored form, so that equal values are equal bytes:
//   - a text whose top level is a Buffer tag is kRaw, with the bytes of that Buffer;
//   - any other text is kJson: the tokens of the input, unchanged and in their order (numbers, member order and string
//     escapes stay as written), without white space between them, and with every Buffer tag inside written as
//       {"type":"Buffer","data":"<base64>"}
// A Buffer tag is an object of exactly two members, in either order: "type" with the value "Buffer", and "data" with
//   - a string: base64 of RFC 4648 section 4, padded, with zero trailing bits; or
//   - an array of integers 0 to 255: the form that Buffer.prototype.toJSON and a JSONB round trip leave behind.
// An object of numeric keys ({"5511@s.whatsapp.net":1}, {"0":5}) is an object. Baileys' own reviver takes some of these
// for Buffers; this codec does not.
//
// The scanner is ours because no packaged parser fits: JSON.stringify writes unpaired surrogates as escapes (legal by
// RFC 8259 section 8.2), which simdjson, RapidJSON and nlohmann-json reject; and they refuse or re-write numbers beyond
// a double (docs/values.md has the trial).
//
// All functions are pure and thread-safe. Errors are InvalidArgument with the byte offset and the reason, and never
// quote the text: it is secret.
namespace authstate {

// Parses JSON text, such as a file of useMultiFileAuthState, into a canonical Value.
absl::StatusOr<Value> ParseBufferJson(absl::string_view text);

// Brings a Value as a caller sent it into canonical form; a kRaw value always is.
absl::StatusOr<Value> Canonicalize(Value value);

// The JSON text that Baileys' BufferJSON.reviver reads back as this value. `value` must be canonical.
std::string ToBufferJson(const Value& value);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_CODEC_H_
