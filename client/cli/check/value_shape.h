#ifndef AUTHSTATE_CLIENT_CLI_CHECK_VALUE_SHAPE_H_
#define AUTHSTATE_CLIENT_CLI_CHECK_VALUE_SHAPE_H_

#include <nlohmann/json_fwd.hpp>

#include "contract/value.h"

namespace authstate::cli {

// What a value is made of, without what it says, so that it can be shown to strangers: `Buffer 32`, `string 24` (bytes
// of the text as it is written), `number`, true, false and null. `numbers 32` are bytes that stand as an object or an
// array of numbers, which Baileys does not take for bytes.
//
// Members of objects stay under names that read as names of a program: letters, digits and `_`, fewer than seven digits
// and not longer than 32 bytes. The others, which are addresses and keys, and the elements of arrays are told
// as {"<names>" or "<elements>": how many, "shapes": those that differ, five at most}. Pure. `value` is canonical.
nlohmann::ordered_json ShapeOf(const Value& value);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_CHECK_VALUE_SHAPE_H_
