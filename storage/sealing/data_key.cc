#include "storage/sealing/data_key.h"

#include <sodium.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr char kVersion = 1;
constexpr char kVersionWithHiddenIds = 2;
constexpr std::size_t kSealedKeyBytes = kSealNonceBytes + kSealKeyBytes + kSealTagBytes;
constexpr std::size_t kLeastBytes = kDataKeyMarkBytes + kSealedKeyBytes;
static_assert(kSealKeyBytes == kKeyringKeyBytes);

std::string Associated(absl::string_view mark, absl::string_view session_id, absl::string_view key_id) {
  return absl::StrCat("authstate data key", mark, session_id.size(), ":", session_id, key_id);
}

std::string Wrap(const Keyring& keyring, absl::string_view session_id, absl::string_view mark, const DataKey& key) {
  std::string wrapped(mark);
  const absl::string_view plain(reinterpret_cast<const char*>(key.bytes()), kSealKeyBytes);
  AppendSealed(keyring.Find(keyring.active()), Associated(mark, session_id, keyring.active()), plain, &wrapped);
  return wrapped + keyring.active();
}

}  // namespace

DataKey::DataKey(const unsigned char* bytes) { std::copy_n(bytes, bytes_.size(), bytes_.begin()); }

DataKey::~DataKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

std::string NewWrappedKey(const Keyring& keyring, absl::string_view session_id, bool hides_key_ids) {
  std::string mark(kDataKeyMarkBytes, hides_key_ids ? kVersionWithHiddenIds : kVersion);
  randombytes_buf(&mark[1], mark.size() - 1);
  std::array<unsigned char, kSealKeyBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  const DataKey key(bytes.data());
  sodium_memzero(bytes.data(), bytes.size());
  return Wrap(keyring, session_id, mark, key);
}

bool HidesKeyIds(absl::string_view wrapped) { return !wrapped.empty() && wrapped.front() == kVersionWithHiddenIds; }

absl::StatusOr<DataKey> UnwrapKey(const Keyring* keyring, absl::string_view session_id, absl::string_view wrapped) {
  const absl::string_view key_id = WrappedUnder(wrapped);
  const bool known = !wrapped.empty() && (wrapped.front() == kVersion || HidesKeyIds(wrapped));
  if (!known || !IsKeyringId(key_id)) return DamagedSession();
  const unsigned char* const key = keyring == nullptr ? nullptr : keyring->Find(key_id);
  if (key == nullptr) return KeyMissing(key_id);
  const absl::string_view mark = DataKeyMark(wrapped);
  std::optional<std::string> plain =
      OpenSealed(key, Associated(mark, session_id, key_id), wrapped.substr(kDataKeyMarkBytes, kSealedKeyBytes));
  if (!plain.has_value()) return DamagedSession();
  DataKey data_key(reinterpret_cast<const unsigned char*>(plain->data()));
  Wipe(&*plain);
  return data_key;
}

absl::StatusOr<std::string> RewrapKey(const Keyring& keyring, absl::string_view session_id, absl::string_view wrapped) {
  const absl::StatusOr<DataKey> key = UnwrapKey(&keyring, session_id, wrapped);
  if (!key.ok()) return key.status();
  return Wrap(keyring, session_id, DataKeyMark(wrapped), *key);
}

absl::string_view WrappedUnder(absl::string_view wrapped) {
  return wrapped.substr(std::min(wrapped.size(), kLeastBytes));
}

}  // namespace authstate::storage
