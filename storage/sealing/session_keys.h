#ifndef AUTHSTATE_STORAGE_SEALING_SESSION_KEYS_H_
#define AUTHSTATE_STORAGE_SEALING_SESSION_KEYS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "keyring/keyring.h"
#include "storage/sealing/data_key.h"

namespace authstate::storage {

// How the values of one commit are sealed.
struct SessionSealing {
  // The session's data key, wrapped; empty: it has none, and its values are plain.
  std::string wrapped;
  // Whether that was made for this commit, which then has to find a session without values.
  bool made = false;
  std::optional<DataKey> key;

  const DataKey* data_key() const { return key.has_value() ? &*key : nullptr; }
};

// What sessions are sealed with. Either a session has a data key, and all its values are sealed with it; or it has
// none, and all are plain: a data key is made when the session has no values, and stays for as long as it has any.
//
// It also remembers the wrapped keys of sessions, for a driver that has to seal before it asks the database. That is a
// guess: the statement that commits checks that the session still has that data key. Data keys themselves are not kept:
// to unwrap one takes less than to look one up and to lock its memory.
//
// Thread-safe.
class SessionKeys {
 public:
  // Null: no session is sealed, and none that is sealed can be read.
  explicit SessionKeys(std::shared_ptr<const Keyring> keyring, bool hides_key_ids = false)
      : keyring_(std::move(keyring)), hides_key_ids_(hides_key_ids) {}

  // Whether new sessions are sealed.
  bool seals() const { return keyring_ != nullptr && !keyring_->active().empty(); }
  // A new session's key, wrapped.
  std::string Make(absl::string_view session_id) const { return NewWrappedKey(*keyring_, session_id, hides_key_ids_); }

  // The key of a session whose row has `wrapped`; nullopt where that is empty. Fails as UnwrapKey; and with
  // DamagedSession where the session is `present` and its key ids are hidden and those of the store are not, or the
  // other way round: it was written by a server that was started before the store began to hide them.
  absl::StatusOr<std::optional<DataKey>> Open(absl::string_view session_id, bool present,
                                              absl::string_view wrapped) const;

  // For a commit that writes values, by what is known of its session: where that is nothing, and new sessions are
  // sealed, it is taken for a new one. Fails as UnwrapKey, and then knows nothing of the session any more.
  absl::StatusOr<SessionSealing> SealingFor(absl::string_view session_id);

  // What the row was last known to have: a wrapped key, or empty where a session has values and none. nullopt: it is
  // not known, or the session has no values.
  std::optional<std::string> Known(absl::string_view session_id) const;
  void Learn(absl::string_view session_id, std::string wrapped);
  // What a row has.
  void Saw(absl::string_view session_id, bool present, std::string wrapped);
  void Forget(absl::string_view session_id);

 private:
  // A quarter of a kilobyte each.
  static constexpr std::size_t kMostKnown = 65'536;

  const std::shared_ptr<const Keyring> keyring_;
  const bool hides_key_ids_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_SESSION_KEYS_H_
