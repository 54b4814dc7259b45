// Page tokens: any text that a caller takes for one, and any id that the server makes one of.
#include <cstddef>
#include <cstdint>
#include <string>

#include "contract/names.h"
#include "server/handlers/page_token.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using authstate::fuzz::Hold;
  const absl::string_view text = authstate::fuzz::TextOf(data, size);
  const absl::StatusOr<std::string> id = authstate::server::ParsePageToken(text);
  Hold(id.ok() || absl::IsInvalidArgument(id.status()), "a token that is none is InvalidArgument");
  Hold(!id.ok() || authstate::server::MakePageToken(*id) == text, "an id has one token");
  if (!text.empty() && authstate::IsValidUtf8(text) && text.find('\0') == absl::string_view::npos) {
    const absl::StatusOr<std::string> back = authstate::server::ParsePageToken(authstate::server::MakePageToken(text));
    Hold(back.ok() && *back == text, "an id comes back from its token");
  }
  return 0;
}
