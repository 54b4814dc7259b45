#include "client/cli/check/session_check.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/check/curve25519.h"
#include "client/cli/folder/byte_fields.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/terminal/text.h"
#include "contract/base64.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

// A public key as Signal sends it.
constexpr absl::string_view kKeyTypeByte = "\x05";
// WA_ADV_ACCOUNT_SIG_PREFIX, WA_ADV_DEVICE_SIG_PREFIX and their twins for hosted accounts, of Baileys' Defaults.
constexpr absl::string_view kAccountPrefixes[] = {absl::string_view("\x06\x00", 2), absl::string_view("\x06\x05", 2)};
constexpr absl::string_view kDevicePrefixes[] = {absl::string_view("\x06\x01", 2), absl::string_view("\x06\x06", 2)};
// Receiving chains are never pruned: a thousand turns make some 106 kB of a record.
constexpr std::uint64_t kOvergrownBytes = 256 << 10;
constexpr std::size_t kLargest = 3;

using Path = std::vector<absl::string_view>;

// The bytes of a field of creds, in whatever form it has them; of `account` that is bare base64. nullopt: it is not
// there, or holds no bytes.
std::optional<std::string> BytesAt(absl::string_view creds, const Path& path) {
  const std::optional<absl::string_view> field = FindMember(creds, path);
  if (!field.has_value()) return std::nullopt;
  if (field->front() != '"') return BytesOf(*field);
  const std::optional<std::string> base64 = UnescapeJsonString(*field);
  std::string bytes;
  if (!base64.has_value() || !DecodeBase64(*base64, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<std::uint64_t> CountAt(absl::string_view creds, absl::string_view name) {
  const std::optional<absl::string_view> field = FindMember(creds, {name});
  std::uint64_t count = 0;
  if (!field.has_value() || !absl::SimpleAtoi(*field, &count)) return std::nullopt;
  return count;
}

// Whether one of the prefixes makes it right.
bool IsSignedByAny(absl::Span<const absl::string_view> prefixes, absl::string_view key, absl::string_view message,
                   absl::string_view signature) {
  return absl::c_any_of(
      prefixes, [&](absl::string_view prefix) { return IsSignedBy(key, absl::StrCat(prefix, message), signature); });
}

bool IsIdentity(absl::string_view creds, absl::string_view account_key) {
  const std::optional<absl::string_view> identities = FindMember(creds, {"signalIdentities"});
  if (!identities.has_value()) return false;
  const std::string key = absl::StrCat(kKeyTypeByte, account_key);
  return absl::c_any_of(MembersOf(*identities),
                        [&](const JsonMember& identity) { return BytesAt(identity.value, {"identifierKey"}) == key; });
}

}  // namespace

bool SessionReport::wrong() const {
  return absl::c_any_of(findings, [](const Finding& finding) { return finding.wrong; });
}

void SessionCheck::AddCreds(const Value& creds) {
  creds_ = creds;
  report_.creds_bytes = creds.bytes.size();
}

void SessionCheck::AddKey(const client::KeyEntry& key) {
  const std::uint64_t bytes = key.value.bytes.size();
  KeyTypeSize& type = report_.types[key.name.type];
  ++type.count;
  type.bytes += bytes;

  const auto place = std::upper_bound(report_.largest.begin(), report_.largest.end(), bytes,
                                      [](std::uint64_t size, const LargeValue& other) { return size > other.bytes; });
  if (std::distance(report_.largest.begin(), place) < static_cast<std::ptrdiff_t>(kLargest)) {
    report_.largest.insert(place, {key.name, bytes});
    if (report_.largest.size() > kLargest) report_.largest.pop_back();
  }

  std::uint64_t id = 0;
  if (key.name.type == "pre-key" && absl::SimpleAtoi(key.name.id, &id)) {
    highest_pre_key_ = std::max(highest_pre_key_.value_or(id), id);
  }
  if (key.name.type == "app-state-sync-key") app_state_key_ids_.push_back(key.name.id);
  if (key.name.type == "session" && bytes > kOvergrownBytes) ++overgrown_;
  if (Value value = key.value; MendByteFields(key.name.type, &value)) ++no_buffers_;
}

SessionReport SessionCheck::Finish() && {
  if (no_buffers_ > 0) {
    Find("NO_BUFFERS",
         absl::StrCat(Count(no_buffers_, "key"),
                      " with bytes that are no Buffers, which Baileys cannot use: session mend mends them"));
  }
  if (overgrown_ > 0) {
    Find("OVERGROWN_SESSIONS",
         absl::StrCat(Count(overgrown_, "Signal session"), " of more than ", kOvergrownBytes >> 10,
                      " KiB: each message rewrites one whole; deleted, it is made anew"),
         /*wrong=*/false);
  }
  if (!creds_.has_value()) {
    report_.state = SessionState::kOrphaned;
    Find("NO_CREDS",
         "keys without creds: nothing can log in with them; import the creds they belong to, or delete them");
    return std::move(report_);
  }
  if (const absl::Status usable = CheckCreds(*creds_); !IsCredsObject(*creds_) || !usable.ok()) {
    report_.state = SessionState::kDamaged;
    Find("CREDS_UNUSABLE", IsCredsObject(*creds_) ? absl::StrCat("creds: ", usable.message())
                                                  : "creds are no JSON object: Baileys takes them for none");
    return std::move(report_);
  }
  report_.state = StateOf(creds_);
  if (report_.state == SessionState::kHalfPaired) {
    Find("HALF_PAIRED", "creds have `me` and no account with a device: pairing broke off; pair again");
  } else if (report_.state == SessionState::kCodeRequested) {
    Find("CODE_REQUESTED", "a pairing code was asked for and not entered: a restart cannot log in; pair again");
  }
  for (const absl::string_view pair : {"noiseKey", "signedIdentityKey", "signedPreKey.keyPair"}) CheckKeyPair(pair);
  CheckSignatures();
  CheckCounters();
  if (report_.state == SessionState::kPaired) CheckAccount();
  return std::move(report_);
}

void SessionCheck::Find(absl::string_view reason, std::string message, bool wrong) {
  report_.findings.push_back({std::string(reason), std::move(message), wrong});
}

void SessionCheck::CheckKeyPair(absl::string_view path) {
  Path half = absl::StrSplit(path, '.');
  half.emplace_back("private");
  const std::optional<std::string> private_key = BytesAt(creds_->bytes, half);
  half.back() = "public";
  const std::optional<std::string> public_key = BytesAt(creds_->bytes, half);
  if (private_key.has_value() && public_key.has_value() && PublicKeyOf(*private_key) == *public_key) return;
  Find("KEY_PAIR_MISMATCH", absl::StrCat("the public key of ", path, " is not that of its private key"));
}

void SessionCheck::CheckSignatures() {
  const absl::string_view creds = creds_->bytes;
  const auto identity = BytesAt(creds, {"signedIdentityKey", "public"});
  const auto pre_key = BytesAt(creds, {"signedPreKey", "keyPair", "public"});
  const auto signature = BytesAt(creds, {"signedPreKey", "signature"});
  if (IsSignedBy(*identity, absl::StrCat(kKeyTypeByte, *pre_key), *signature)) return;
  Find("PRE_KEY_SIGNATURE",
       "signedPreKey.signature is not that of signedIdentityKey: contacts refuse to begin a session");
}

void SessionCheck::CheckAccount() {
  const absl::string_view creds = creds_->bytes;
  const auto identity = BytesAt(creds, {"signedIdentityKey", "public"});
  const auto details = BytesAt(creds, {"account", "details"});
  const auto account_key = BytesAt(creds, {"account", "accountSignatureKey"});
  const auto account_signature = BytesAt(creds, {"account", "accountSignature"});
  const auto device_signature = BytesAt(creds, {"account", "deviceSignature"});
  if (!details.has_value() || !account_signature.has_value() || !device_signature.has_value()) {
    return Find("ACCOUNT_INCOMPLETE", "account lacks details, accountSignature or deviceSignature");
  }
  if (!account_key.has_value() || account_key->size() != kCurveKeyBytes) {
    // WhatsApp leaves it out of what it signs again; what needs it cannot be told then.
    return Find("ACCOUNT_KEY_MISSING", "account has no accountSignatureKey, so its signatures cannot be checked",
                false);
  }
  const std::string signed_by_account = absl::StrCat(*details, *identity);
  if (!IsSignedByAny(kAccountPrefixes, *account_key, signed_by_account, *account_signature)) {
    Find("ACCOUNT_SIGNATURE", "accountSignature does not fit signedIdentityKey: these creds are of two pairings");
  }
  if (!IsSignedByAny(kDevicePrefixes, *identity, absl::StrCat(signed_by_account, *account_key), *device_signature)) {
    Find("DEVICE_SIGNATURE", "deviceSignature does not fit signedIdentityKey: these creds are of two pairings");
  }
  if (!IsIdentity(creds, *account_key)) {
    Find("ACCOUNT_NOT_AN_IDENTITY", "signalIdentities do not name accountSignatureKey");
  }
}

void SessionCheck::CheckCounters() {
  const absl::string_view creds = creds_->bytes;
  const auto next = CountAt(creds, "nextPreKeyId");
  const auto unuploaded = CountAt(creds, "firstUnuploadedPreKeyId");
  if (!next.has_value() || !unuploaded.has_value() || *unuploaded > *next || *next >= kPreKeyIds) {
    Find("PRE_KEY_COUNTERS", "firstUnuploadedPreKeyId and nextPreKeyId are no ids, or not in this order");
  } else if (highest_pre_key_.has_value() && *highest_pre_key_ >= *next) {
    Find(
        "PRE_KEY_REUSE",
        absl::StrCat("there is a pre-key ", *highest_pre_key_, " and nextPreKeyId is ", *next,
                     ": these creds are older than the keys, and ids will be used twice (Bad MAC at contacts); session "
                     "mend raises the counters"));
  }
  const std::optional<std::string> app_state_key = FindText(creds, {"myAppStateKeyId"});
  if (app_state_key.has_value() && !absl::c_linear_search(app_state_key_ids_, *app_state_key)) {
    Find("APP_STATE_KEY_MISSING",
         "the app-state-sync-key that myAppStateKeyId names is not there: WhatsApp sends it once");
  }
}

}  // namespace authstate::cli
