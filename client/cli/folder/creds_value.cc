#include "client/cli/folder/creds_value.h"

#include "contract/codec.h"

namespace authstate::cli {

absl::StatusOr<Value> ParseCreds(absl::string_view text) {
  absl::StatusOr<Value> creds = ParseBufferJson(text);
  if (!creds.ok()) return creds;
  if (creds->kind != ValueKind::kJson || creds->bytes.front() != '{') {
    return absl::InvalidArgumentError("creds must be a JSON object");
  }
  return creds;
}

}  // namespace authstate::cli
