#ifndef AUTHSTATE_STORAGE_SEALING_SESSION_SEALER_H_
#define AUTHSTATE_STORAGE_SEALING_SESSION_SEALER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/sealing/data_key.h"
#include "storage/sealing/keyring_marks.h"

namespace authstate::storage {

// A database whose sessions are brought under another key, one by one, by whoever has the keyring; a driver each
// (OpenPostgresSealer, OpenSqliteSealer). Every change is atomic, and changes neither a value nor a revision, so the
// servers of the database go on beside it. Ends its connection with itself. Not thread-safe.
//
// All fail as the driver does.
class SessionSealer {
 public:
  struct Session {
    std::string id;
    // Its data key, wrapped; empty: it has none, and its values are plain.
    std::string wrapped;
    // Not 0: this is what a near store has put aside of the session (storage/sqlite/homes/orphans.h), by its number.
    std::uint64_t orphan = 0;
  };

  virtual ~SessionSealer() = default;

  // `timeweb db.example:5432/auth`, or a path.
  virtual std::string location() const = 0;

  // The keys that the database knows.
  virtual absl::StatusOr<std::vector<KeyringMark>> Marks() = 0;

  // The key that hides key ids (hidden_names.h), wrapped; empty: they are not hidden.
  virtual absl::StatusOr<std::string> HidingKey() = 0;
  // Puts `rewrapped` in its place. False: by now it is another than `wrapped`, and nothing was done.
  virtual absl::StatusOr<bool> RewrapHidingKey(const std::string& wrapped, const std::string& rewrapped) = 0;

  // Existing sessions after `after`, by the bytes of their id; at most `limit`.
  virtual absl::StatusOr<std::vector<Session>> List(const std::string& after, std::size_t limit) = 0;

  // All that was put aside; a near store alone has some.
  virtual absl::StatusOr<std::vector<Session>> Orphans() { return std::vector<Session>(); }

  // Wraps the session's data key anew. False: by now the session has not what `session` says, and nothing was done.
  virtual absl::StatusOr<bool> Rewrap(const Session& session, const std::string& rewrapped) = 0;

  // Writes each value of the session, which was sealed with `from`, sealed with `to`; null: plain. `wrapped` is `to`,
  // wrapped, or empty. False as above. DataLoss, and nothing was done, when something of the session is damaged.
  virtual absl::StatusOr<bool> Reseal(const Session& session, const DataKey* from, const std::string& wrapped,
                                      const DataKey* to) = 0;

  // Forgets the keys that nothing is under, but for `active`; their ids.
  virtual absl::StatusOr<std::vector<std::string>> ForgetUnused(const std::string& active) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_SESSION_SEALER_H_
