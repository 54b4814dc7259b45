#include "client/cli/folder/creds_value.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/folder/byte_fields.h"
#include "contract/codec.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

using Path = std::vector<absl::string_view>;

absl::Status AtFault(const Path& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(absl::StrJoin(path, "."), " ", what));
}

absl::Status CheckBytes(absl::string_view creds, const Path& path, std::size_t size) {
  const std::optional<absl::string_view> member = FindMember(creds, path);
  if (!member.has_value()) return AtFault(path, "is missing");
  const std::optional<std::string> bytes = BytesOf(*member);
  if (!bytes.has_value() || ToBufferJson({ValueKind::kRaw, *bytes}) != *member) return AtFault(path, "is no Buffer");
  if (bytes->size() != size) return AtFault(path, absl::StrCat("has ", bytes->size(), " bytes, not ", size));
  return absl::OkStatus();
}

absl::Status CheckRegistrationId(absl::string_view creds) {
  const std::optional<absl::string_view> id = FindMember(creds, {"registrationId"});
  if (!id.has_value()) return AtFault({"registrationId"}, "is missing");
  std::uint32_t number = 0;
  if (!absl::SimpleAtoi(*id, &number)) return AtFault({"registrationId"}, "is no integer from 0 to 4294967295");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Value> ParseCreds(absl::string_view text) {
  absl::StatusOr<Value> creds = ParseBufferJson(text);
  if (!creds.ok()) return creds;
  if (!IsCredsObject(*creds)) return absl::InvalidArgumentError("creds must be a JSON object");
  return creds;
}

bool IsCredsObject(const Value& value) { return value.kind == ValueKind::kJson && absl::StartsWith(value.bytes, "{"); }

std::optional<Value> UnwrapCreds(const Value& value) {
  if (value.kind != ValueKind::kJson || !absl::StartsWith(value.bytes, "\"")) return std::nullopt;
  const std::optional<std::string> text = UnescapeJsonString(value.bytes);
  if (!text.has_value()) return std::nullopt;
  absl::StatusOr<Value> creds = ParseCreds(*text);
  if (!creds.ok()) return std::nullopt;
  return *std::move(creds);
}

absl::Status CheckCreds(const Value& creds) {
  for (const Path& pair : {Path{"noiseKey"}, Path{"signedIdentityKey"}, Path{"signedPreKey", "keyPair"}}) {
    for (const absl::string_view half : {"private", "public"}) {
      Path path = pair;
      path.push_back(half);
      absl::Status checked = CheckBytes(creds.bytes, path, kKeyBytes);
      if (!checked.ok()) return checked;
    }
  }
  absl::Status checked = CheckBytes(creds.bytes, {"signedPreKey", "signature"}, kSignatureBytes);
  if (!checked.ok()) return checked;
  return CheckRegistrationId(creds.bytes);
}

}  // namespace authstate::cli
