#ifndef AUTHSTATE_STORAGE_SEALING_HIDDEN_NAMES_H_
#define AUTHSTATE_STORAGE_SEALING_HIDDEN_NAMES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "keyring/keyring.h"
#include "storage/backend.h"

// How a database keeps the ids of keys, which hold phone numbers, from who has it: in the place of an id stands a keyed
// hash of session, type and id, 16 bytes of BLAKE2b in base64url, and each value begins with its id (2 bytes of length,
// least significant first), which so is sealed with it.
//
// The key of the hashes is one for the database, as a session that is deleted and made again has another data key,
// while its readers have to know its names before they ask for them. It is wrapped as data keys are (data_key.h), for a
// session of no name, so another key of the keyring takes no row but its own.
namespace authstate::storage {

// Thread-safe. The key is in memory that is locked, as far as RLIMIT_MEMLOCK lets it, left out of core dumps, and wiped
// in the end.
class HiddenNames {
 public:
  // A new key, wrapped under the active one.
  static std::string NewKey(const Keyring& keyring);
  // The same key under the active one; fails as UnwrapKey.
  static absl::StatusOr<std::string> Rewrap(const Keyring& keyring, absl::string_view wrapped);
  // Fails as UnwrapKey.
  static absl::StatusOr<std::unique_ptr<const HiddenNames>> Open(const Keyring& keyring, absl::string_view wrapped);

  // What stands in the place of the id.
  std::string Hide(absl::string_view session_id, const KeyName& name) const;

 private:
  struct Free {
    void operator()(unsigned char* key) const;
  };

  explicit HiddenNames(unsigned char* key) : key_(key) {}

  const std::unique_ptr<unsigned char, Free> key_;
};

// FailedPrecondition with reason kKeyringMismatch: there are sessions whose ids are not hidden.
absl::Status CannotHideNames();
// FailedPrecondition with reason kKeyringMismatch: new sessions are to be plain, and ids are hidden, or to be.
absl::Status PlainShowsNames();

// `store`, and where `wrapped` is not empty with names that are hidden by this key: callers see none of that. Pages of
// snapshots are ordered by type and by what stands in the place of the id, and count what is stored: less fits them,
// also without values. A value that does not begin with the id of its place is DataLoss (reason kCorruptValue). Fails
// as UnwrapKey.
absl::StatusOr<std::unique_ptr<Backend>> WithHiddenNames(std::unique_ptr<Backend> store, const Keyring* keyring,
                                                         absl::string_view wrapped);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_HIDDEN_NAMES_H_
