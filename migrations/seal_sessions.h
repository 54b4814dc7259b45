#ifndef AUTHSTATE_MIGRATIONS_SEAL_SESSIONS_H_
#define AUTHSTATE_MIGRATIONS_SEAL_SESSIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyring/keyring.h"
#include "profiles/database_options.h"
#include "storage/sealing/session_sealer.h"

// What `authstatectl keyring status` and `rewrap` do to a database, which its servers may go on serving. Functions
// without state; a sealer is used by one at a time.
namespace authstate::migrations {

// The database that the options choose. FailedPrecondition when its schema is not that of this version; InvalidArgument
// when the options do not suffice; else fails as the drivers do.
absl::StatusOr<std::unique_ptr<storage::SessionSealer>> OpenSealer(const profiles::DatabaseOptions& options);

struct SealingState {
  // How many are plain, and how many are under each key.
  struct Counts {
    std::uint64_t plain = 0;
    std::map<std::string, std::uint64_t> under;
  };
  // Keys that the database knows and no session is under have 0.
  Counts sessions;
  // What a near store has put aside of sessions, and still has.
  Counts orphans;
  // Whether key ids are hidden.
  bool hides_key_ids = false;
};
absl::StatusOr<SealingState> ReadSealingState(storage::SessionSealer& sealer);

struct SealingReport {
  // Orphans count as sessions. Those whose values were encrypted, or opened.
  std::uint64_t resealed = 0;
  // Those of which only the data key was wrapped anew.
  std::uint64_t rewrapped = 0;
  // Those that stayed as they are, and why.
  std::vector<std::pair<std::string, absl::Status>> failed;
  // Keys that nothing is under any more.
  std::vector<std::string> unused;
};

// Told how many sessions were looked at so far.
using SealingProgress = std::function<void(std::uint64_t)>;

// Brings every session and orphan under the keyring's active key, or in plain where none is. What is so already is left
// alone, and it can be run again after it ended early. Where a session is damaged, or its key is not in the keyring, it
// goes on with the next one. FailedPrecondition with reason kKeyringMismatch when the keyring is not that of the
// database, or no server was started with its active key yet; and where key ids are hidden, which plain values would
// show.
absl::StatusOr<SealingReport> SealSessions(storage::SessionSealer& sealer, const Keyring& keyring,
                                           const SealingProgress& progress);

}  // namespace authstate::migrations

#endif  // AUTHSTATE_MIGRATIONS_SEAL_SESSIONS_H_
