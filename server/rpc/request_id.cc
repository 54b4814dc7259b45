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

}  // namespace

std::string ChooseRequestId(absl::string_view sent) {
  if (!sent.empty() && sent.size() <= kMaxRequestIdBytes && std::all_of(sent.begin(), sent.end(), IsRequestIdByte)) {
    return std::string(sent);
  }
  thread_local absl::InsecureBitGen random;
  return absl::StrCat(absl::Hex(absl::Uniform<std::uint64_t>(random), absl::kZeroPad16));
}

}  // namespace authstate::server
