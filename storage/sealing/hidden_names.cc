#include "storage/sealing/hidden_names.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "storage/sealing/data_key.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kHashBytes = 16;
// No session has it, so no data key can be put in the place of this one.
constexpr absl::string_view kNobodysSession;

}  // namespace

void HiddenNames::Free::operator()(unsigned char* key) const { sodium_free(key); }

std::string HiddenNames::NewKey(const Keyring& keyring) { return NewWrappedKey(keyring, kNobodysSession); }

absl::StatusOr<std::string> HiddenNames::Rewrap(const Keyring& keyring, absl::string_view wrapped) {
  return RewrapKey(keyring, kNobodysSession, wrapped);
}

absl::StatusOr<std::unique_ptr<const HiddenNames>> HiddenNames::Open(const Keyring& keyring,
                                                                     absl::string_view wrapped) {
  const absl::StatusOr<DataKey> key = UnwrapKey(&keyring, kNobodysSession, wrapped);
  if (!key.ok()) return key.status();
  auto* const kept = static_cast<unsigned char*>(sodium_malloc(kSealKeyBytes));
  if (kept == nullptr) return absl::ResourceExhaustedError("there is no memory to keep the key of hidden ids in");
  std::copy_n(key->bytes(), kSealKeyBytes, kept);
  (void)sodium_mprotect_readonly(kept);
  return std::unique_ptr<const HiddenNames>(new HiddenNames(kept));
}

std::string HiddenNames::Hide(absl::string_view session_id, const KeyName& name) const {
  const std::string text = absl::StrCat(session_id.size(), ":", session_id, name.type.size(), ":", name.type, name.id);
  std::array<unsigned char, kHashBytes> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     key_.get(), kSealKeyBytes);
  return absl::WebSafeBase64Escape({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

absl::Status CannotHideNames() {
  return Error(absl::StatusCode::kFailedPrecondition, kKeyringMismatch,
               "the store has sessions whose key ids are not hidden: --hide-key-ids is for a store without sessions; "
               "make another one with it, and bring the sessions there by session export and import");
}

absl::Status PlainShowsNames() {
  return Error(absl::StatusCode::kFailedPrecondition, kKeyringMismatch,
               "no key of the keyring is active, and plain sessions show the key ids that this store hides: bring the "
               "sessions to a store that does not hide them, by session export and import");
}

}  // namespace authstate::storage
