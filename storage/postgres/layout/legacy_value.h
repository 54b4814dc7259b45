#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LEGACY_VALUE_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LEGACY_VALUE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"
#include "storage/backend.h"

// Values of the legacy layout: JSONB that other programs have written too. Bytes stand there in three forms, as a whole
// value or anywhere inside one:
//
//   1. {"type":"Buffer","data":"<base64>"}   BufferJSON
//   2. {"type":"Buffer","data":[5,12,…]}     a Buffer through plain JSON.stringify
//   3. {"0":5,"1":12,…}                      a Uint8Array through plain JSON.stringify: an object with exactly the
//                                            members "0" to "n-1", n ≥ 1, each an integer of 0 to 255
//
// All are read; form 1 is written, which is what the other programs read back. Everything else is JSON as it stands.
// Form 3 makes reading a superset of contract/codec.h, where an object of numeric names is an object.
//
// JSONB keeps what a JSON value means, not how it is written: it reorders members, keeps the last of several with one
// name, and writes numbers out (1e2 comes back as 100). It cannot hold NUL characters, unpaired surrogates, and numbers
// beyond what `numeric` holds.
//
// Pure and thread-safe. Errors never quote a value: it is secret.
namespace authstate::storage {

// The JSON text to store for a canonical value. InvalidArgument with reason kNotInLayout when JSONB cannot hold it, or
// when it would not be read back as it is: an object of form 3.
absl::StatusOr<std::string> ToLegacyJson(const Value& value);

// A value from the text of its JSONB. InvalidArgument when it is none that the contract can express.
absl::StatusOr<Value> FromLegacyJson(absl::string_view text);

// Brings a commit into the form that the legacy layout stores: every value becomes the JSON text of its form.
// InvalidArgument with reason kNotInLayout, naming the session id or the value that the layout cannot hold: the other
// programs take session ids of 1 to 50 letters, digits, '_' and '-' alone, so no other is written.
absl::Status EncodeLegacyCommit(Commit& commit);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LEGACY_VALUE_H_
