#ifndef AUTHSTATE_STORAGE_SEALING_DATA_KEY_H_
#define AUTHSTATE_STORAGE_SEALING_DATA_KEY_H_

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "keyring/aead.h"
#include "keyring/keyring.h"

// The key of one session, which its values are sealed with. It is stored in the session's row, wrapped under a key of
// the keyring, so that another key of the keyring takes one write of that row and touches no value. When the session is
// deleted its row loses it, and what is left of the values on the disk cannot be read without it.
//
// Its wrapped form:
//
//   1    the version of this format: 1, or 2 where the store hides key ids (storage/sealing/hidden_names.h), so that a
//        server which knows nothing of that takes the session for damaged, and does not look for keys by their ids
//   16   the id of the data key, random: as long as this is the same, the values are sealed with the same key
//   72   the data key, sealed (keyring/aead.h) under the key of the keyring; associated are all other parts of
//        this form and the session's id
//   1–32 the id of that key in the keyring
namespace authstate::storage {

// Wiped when it goes.
class DataKey {
 public:
  explicit DataKey(const unsigned char* bytes);
  ~DataKey();
  // What was moved from has the same key, and is wiped when it goes.
  DataKey(DataKey&&) noexcept = default;
  DataKey& operator=(DataKey&&) noexcept = default;

  const unsigned char* bytes() const { return bytes_.data(); }

 private:
  std::array<unsigned char, kSealKeyBytes> bytes_;
};

// A new data key for the session, wrapped under the active key.
std::string NewWrappedKey(const Keyring& keyring, absl::string_view session_id, bool hides_key_ids = false);
// Whether it was made so.
bool HidesKeyIds(absl::string_view wrapped);

// What is wrapped. DataLoss: reason kKeyMissing when the keyring (null: there is none) has no key of that id, else
// kCorruptValue.
absl::StatusOr<DataKey> UnwrapKey(const Keyring* keyring, absl::string_view session_id, absl::string_view wrapped);

// The same data key under the active key; fails as UnwrapKey.
absl::StatusOr<std::string> RewrapKey(const Keyring& keyring, absl::string_view session_id, absl::string_view wrapped);

// The part of the wrapped form that only another data key changes: its version and id.
inline constexpr std::size_t kDataKeyMarkBytes = 17;
inline absl::string_view DataKeyMark(absl::string_view wrapped) { return wrapped.substr(0, kDataKeyMarkBytes); }

// The id of the key in the keyring under which it is wrapped.
absl::string_view WrappedUnder(absl::string_view wrapped);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_DATA_KEY_H_
