#include "server/handlers/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "contract/base64.h"
#include "contract/names.h"
#include "server/handlers/request_error.h"

namespace authstate::server {
namespace {

// Says which form the token has, should another one come.
constexpr char kForm = '1';

}  // namespace

std::string MakePageToken(absl::string_view last_session_id) {
  return absl::Base64Escape(absl::StrCat(std::string(1, kForm), last_session_id));
}

absl::StatusOr<std::string> ParsePageToken(absl::string_view token) {
  std::string bytes;
  if (DecodeBase64(token, &bytes) && !bytes.empty() && bytes[0] == kForm) {
    std::string session_id = bytes.substr(1);
    // The legacy tables may hold ids that no request may name, and a page may end with one.
    const bool text = IsValidUtf8(session_id) && session_id.find('\0') == std::string::npos;
    if (text && !session_id.empty()) return session_id;
  }
  return InvalidField("page_token", "is not a token that ListSessions gave out");
}

}  // namespace authstate::server
