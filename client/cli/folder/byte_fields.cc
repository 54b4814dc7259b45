#include "client/cli/folder/byte_fields.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "contract/base64.h"
#include "contract/codec.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

// Member names from the top of the value down; `*`: every member or element. An empty path: the value itself.
using Path = std::vector<absl::string_view>;

struct ByteField {
  absl::string_view type;
  Path path;
};

// From src/Types/Auth.ts of baileys 6.7 and 7.0: SignalDataTypeMap and AuthenticationCreds. What proto messages hold
// (`account`, `keyData`) is base64 there, for their toJSON writes it so; they take a Buffer as well.
const std::vector<ByteField>& ByteFields() {
  static const auto* const fields = new std::vector<ByteField>{
      {kCredsType, {"noiseKey", "private"}},
      {kCredsType, {"noiseKey", "public"}},
      {kCredsType, {"pairingEphemeralKeyPair", "private"}},
      {kCredsType, {"pairingEphemeralKeyPair", "public"}},
      {kCredsType, {"signedIdentityKey", "private"}},
      {kCredsType, {"signedIdentityKey", "public"}},
      {kCredsType, {"signedPreKey", "keyPair", "private"}},
      {kCredsType, {"signedPreKey", "keyPair", "public"}},
      {kCredsType, {"signedPreKey", "signature"}},
      {kCredsType, {"signalIdentities", "*", "identifierKey"}},
      {kCredsType, {"account", "details"}},
      {kCredsType, {"account", "accountSignatureKey"}},
      {kCredsType, {"account", "accountSignature"}},
      {kCredsType, {"account", "deviceSignature"}},
      {kCredsType, {"routingInfo"}},
      {"pre-key", {"private"}},
      {"pre-key", {"public"}},
      {"sender-key", {}},
      {"identity-key", {}},
      {"app-state-sync-key", {"keyData"}},
      {"app-state-sync-version", {"hash"}},
      {"app-state-sync-version", {"indexValueMap", "*", "valueMac"}},
      {"tctoken", {"token"}},
  };
  return *fields;
}

std::optional<char> ByteOf(absl::string_view number) {
  std::uint32_t byte = 0;
  // Not a number with a sign, a point or an exponent, which no writer of bytes makes.
  if (number.size() > 3 || !absl::SimpleAtoi(number, &byte) || byte > 255) return std::nullopt;
  if (number.find_first_not_of("0123456789") != absl::string_view::npos) return std::nullopt;
  return static_cast<char>(static_cast<unsigned char>(byte));
}

// The bytes that an object by index, {"0":1,"1":2}, or an array, [1,2], holds; nullopt when it holds anything else.
std::optional<std::string> BytesByPlace(absl::string_view json) {
  const std::vector<JsonMember> members = MembersOf(json);
  if (members.empty()) return std::nullopt;
  std::vector<std::optional<char>> bytes(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::size_t place = i;
    if (json.front() == '{') {
      const std::optional<std::string> name = UnescapeJsonString(members[i].name);
      if (!name.has_value() || !absl::SimpleAtoi(*name, &place) || *name != absl::StrCat(place)) return std::nullopt;
    }
    if (place >= bytes.size() || bytes[place].has_value()) return std::nullopt;
    bytes[place] = ByteOf(members[i].value);
    if (!bytes[place].has_value()) return std::nullopt;
  }
  std::string text;
  for (const std::optional<char> byte : bytes) text.push_back(*byte);
  return text;
}

std::optional<std::string> Base64Bytes(absl::string_view token) {
  const std::optional<std::string> base64 = UnescapeJsonString(token);
  std::string bytes;
  if (!base64.has_value() || !DecodeBase64(*base64, &bytes)) return std::nullopt;
  return bytes;
}

// `value` with the byte fields at `paths`, all of which lead on from here, as Buffers.
std::string Mended(absl::string_view value, const std::vector<absl::Span<const absl::string_view>>& paths) {
  for (const auto& path : paths) {
    if (!path.empty()) continue;
    const std::optional<std::string> bytes = BytesOf(value);
    return bytes.has_value() ? ToBufferJson({ValueKind::kRaw, *bytes}) : std::string(value);
  }
  const std::vector<JsonMember> members = MembersOf(value);
  if (members.empty()) return std::string(value);
  std::string mended(1, value.front());
  for (const JsonMember& member : members) {
    if (mended.size() > 1) mended.push_back(',');
    if (!member.name.empty()) absl::StrAppend(&mended, member.name, ":");
    std::vector<absl::Span<const absl::string_view>> deeper;
    for (const auto& path : paths) {
      if (path.front() == "*" || IsNamed(member, path.front())) deeper.push_back(path.subspan(1));
    }
    absl::StrAppend(&mended, deeper.empty() ? std::string(member.value) : Mended(member.value, deeper));
  }
  mended.push_back(value.back());
  return mended;
}

}  // namespace

std::optional<std::string> BytesOf(absl::string_view json) {
  for (const Path& path : {Path{"$binary", "base64"}, Path{"$binary"}}) {
    const std::optional<absl::string_view> base64 = FindMember(json, path);
    if (base64.has_value() && base64->front() == '"') return Base64Bytes(*base64);
  }
  const std::optional<absl::string_view> data = FindMember(json, {"data"});
  if (!data.has_value()) return BytesByPlace(json);
  const bool tagged = FindMember(json, {"type"}) == "\"Buffer\"" || FindMember(json, {"buffer"}) == "true";
  if (!tagged) return std::nullopt;
  return data->front() == '"' ? Base64Bytes(*data) : BytesByPlace(*data);
}

bool MendByteFields(absl::string_view type, Value* value) {
  if (value->kind == ValueKind::kRaw) return false;
  std::vector<absl::Span<const absl::string_view>> paths;
  for (const ByteField& field : ByteFields()) {
    if (field.type == type) paths.emplace_back(field.path);
  }
  if (paths.empty()) return false;
  std::string mended = Mended(value->bytes, paths);
  if (mended == value->bytes) return false;
  // The value itself may be the Buffer.
  absl::StatusOr<Value> canonical = ParseBufferJson(mended);
  if (!canonical.ok()) return false;
  *value = *std::move(canonical);
  return true;
}

}  // namespace authstate::cli
