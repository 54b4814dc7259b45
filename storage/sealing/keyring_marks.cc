#include "storage/sealing/keyring_marks.h"

#include <sodium.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kCheckBytes = 16;

absl::Status Mismatch(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, kKeyringMismatch, message);
}

}  // namespace

KeyringMark MarkOf(const Keyring& keyring, absl::string_view id) {
  KeyringMark mark{std::string(id), std::string(kCheckBytes, '\0')};
  const std::string text = absl::StrCat("authstate keyring check", id);
  crypto_generichash(reinterpret_cast<unsigned char*>(mark.key_check.data()), kCheckBytes,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), keyring.Find(id),
                     kKeyringKeyBytes);
  return mark;
}

absl::Status CheckKeyring(const Keyring* keyring, const std::vector<KeyringMark>& marks) {
  for (const KeyringMark& mark : marks) {
    // What is none was written by somebody else, and is not repeated.
    const std::string name = IsKeyringId(mark.key_id) ? absl::StrCat("\"", mark.key_id, "\"") : "of no valid id";
    if (keyring == nullptr) {
      return Mismatch(absl::StrCat("the store is encrypted, under the key ", name,
                                   " of a keyring: give that with --keyring-file or --keyring-command"));
    }
    if (!IsKeyringId(mark.key_id) || keyring->Find(mark.key_id) == nullptr) {
      return Mismatch(absl::StrCat("the store has sessions encrypted under the key ", name,
                                   ", which the keyring lacks; add it from a copy of the keyring that has it"));
    }
    if (MarkOf(*keyring, mark.key_id).key_check != mark.key_check) {
      return Mismatch(absl::StrCat("the keyring's key ", name,
                                   " is not the one of that id under which the store is encrypted; it is another "
                                   "store's keyring, or was made anew"));
    }
  }
  return absl::OkStatus();
}

}  // namespace authstate::storage
