#ifndef AUTHSTATE_STORAGE_SEALING_KEYRING_MARKS_H_
#define AUTHSTATE_STORAGE_SEALING_KEYRING_MARKS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "keyring/keyring.h"

// What a store knows of the keys under which it has data keys (the table auth_keyring): whoever opens it without one of
// them, or with another one of the same id, is told so before it serves. Pure.
namespace authstate::storage {

struct KeyringMark {
  std::string key_id;
  // Tells a key from another one of its id, and nothing else about it: 16 bytes of BLAKE2b, keyed with it.
  std::string key_check;
};

// `id` is one of the keyring.
KeyringMark MarkOf(const Keyring& keyring, absl::string_view id);

// FailedPrecondition with reason kKeyringMismatch unless the keyring has the keys of all marks. Null: there is none.
absl::Status CheckKeyring(const Keyring* keyring, const std::vector<KeyringMark>& marks);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_KEYRING_MARKS_H_
