// The Buffer-safe codec, both ways, on any text and any bytes.
#include <cstddef>
#include <cstdint>
#include <string>

#include "contract/canonical_json.h"
#include "contract/codec.h"
#include "contract/json_meaning.h"
#include "contract/session_state.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

void CheckText(absl::string_view text) {
  const bool taken_for_canonical = IsCanonicalJson(text);
  const absl::StatusOr<Value> value = ParseBufferJson(text);
  Hold(value.ok() || absl::IsInvalidArgument(value.status()), "text that does not parse is InvalidArgument");
  Hold(value.ok() || !taken_for_canonical, "text that is taken for canonical parses");
  if (!value.ok()) return;
  Hold(!taken_for_canonical || *value == Value{ValueKind::kJson, std::string(text)},
       "text that is taken for canonical is");
  const absl::StatusOr<Value> again = Canonicalize(*value);
  Hold(again.ok() && *again == *value, "a canonical value stays as it is");
  const absl::StatusOr<Value> back = ParseBufferJson(ToBufferJson(*value));
  Hold(back.ok() && *back == *value, "a value comes back from its text");
  Hold(value->kind == ValueKind::kRaw || JsonMeaning(value->bytes).ok(), "canonical text has a meaning");
  (void)StateOf(*value);
}

void CheckBytes(absl::string_view bytes) {
  const Value value{ValueKind::kRaw, std::string(bytes)};
  const absl::StatusOr<Value> back = ParseBufferJson(ToBufferJson(value));
  Hold(back.ok() && *back == value, "bytes come back from their text");
  Hold(StateOf(value) == SessionState::kDamaged, "bytes are no creds");
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text = authstate::fuzz::TextOf(data, size);
  authstate::fuzz::CheckText(text);
  authstate::fuzz::CheckBytes(text);
  return 0;
}
