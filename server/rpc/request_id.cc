#include "server/rpc/request_id.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

constexpr std::size_t kMaxRequestIdBytes = 64;

bool IsRequestIdByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

// `00-<trace id>-<id of the caller's span>-<flags>`, all in lower-case hex digits; later versions may have more parts.
constexpr std::size_t kTraceIdBegin = 3;
constexpr std::size_t kTraceIdBytes = 32;
constexpr std::size_t kTraceParentBytes = 55;

bool IsLowerHex(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string ChooseRequestId(absl::string_view sent) {
  if (!sent.empty() && sent.size() <= kMaxRequestIdBytes && std::all_of(sent.begin(), sent.end(), IsRequestIdByte)) {
    return std::string(sent);
  }
  thread_local absl::InsecureBitGen random;
  return absl::StrCat(absl::Hex(absl::Uniform<std::uint64_t>(random), absl::kZeroPad16));
}

std::string TraceIdOf(absl::string_view trace_parent) {
  if (trace_parent.size() < kTraceParentBytes || trace_parent[2] != '-') return "";
  const absl::string_view id = trace_parent.substr(kTraceIdBegin, kTraceIdBytes);
  if (trace_parent[kTraceIdBegin + kTraceIdBytes] != '-' || !std::all_of(id.begin(), id.end(), IsLowerHex)) return "";
  // All zeros is none.
  return id.find_first_not_of('0') == absl::string_view::npos ? "" : std::string(id);
}

}  // namespace authstate::server
