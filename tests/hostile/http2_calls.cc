#include "tests/hostile/http2_calls.h"

#include "absl/strings/str_cat.h"
#include "tests/hostile/http2_attacker.h"

namespace authstate::test {
namespace {

// Two entries of the static table: `:method: POST` and `:scheme: http`.
constexpr absl::string_view kPostHttp = "\x83\x86";
// Literals to be remembered: with a name of the static table (`:path`, `:authority`, `content-type`), or a new one.
constexpr char kPath = '\x44';
constexpr char kAuthority = '\x41';
constexpr char kContentType = '\x5f';
constexpr char kNewName = '\x40';

// Shorter than 127 bytes.
std::string Literal(absl::string_view text) {
  return absl::StrCat(std::string(1, static_cast<char>(text.size())), text);
}

}  // namespace

std::string FirstCall(absl::string_view method) {
  return absl::StrCat(kPostHttp, std::string(1, kPath),
                      Literal(absl::StrCat("/authstate.v1.AuthStateService/", method)), std::string(1, kAuthority),
                      Literal("localhost"), std::string(1, kContentType), Literal("application/grpc"),
                      std::string(1, kNewName), Literal("te"), Literal("trailers"));
}

// The latest of what was remembered has number 62.
std::string NextCall() { return absl::StrCat(kPostHttp, "\xc1\xc0\xbf\xbe"); }

std::string MessagePrefix(std::uint32_t bytes) {
  std::string prefix(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) prefix.push_back(static_cast<char>(bytes >> shift & 0xffU));
  return prefix;
}

std::string BeginCall(std::uint32_t call, absl::string_view method) {
  return Frame(FrameType::kHeaders, kEndHeaders, StreamOf(call), call == 0 ? FirstCall(method) : NextCall());
}

std::string WholeCall(std::uint32_t call, absl::string_view method, absl::string_view message) {
  const std::string prefix = MessagePrefix(static_cast<std::uint32_t>(message.size()));
  return absl::StrCat(BeginCall(call, method),
                      Frame(FrameType::kData, kEndStream, StreamOf(call), absl::StrCat(prefix, message)));
}

}  // namespace authstate::test
