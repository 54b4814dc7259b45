#ifndef AUTHSTATE_CLIENT_CLI_RESTORER_H_
#define AUTHSTATE_CLIENT_CLI_RESTORER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/folder/folder.h"

namespace authstate::cli {

// How far the fence and the revision of a session that comes back are ahead of those that its backup knows: no owner
// that had it since, and no revision that it was at, can be met again.
// At random between these, so that two restores of one backup do not meet each other either.
inline constexpr std::uint64_t kAheadOfBackup = std::uint64_t{1} << 20U;
inline constexpr std::uint64_t kMostAheadOfBackup = std::uint64_t{1} << 30U;
// In front of that where the backup does not know the fence, as of a session that had its home on another server: as
// many as a home gives at most, from when the session comes there until it is given back (storage/lease.h).
inline constexpr std::uint64_t kFencesOfAHome = std::uint64_t{1} << 32U;

// A session as a backup has it.
struct SavedSession {
  std::string session_id;
  std::uint64_t revision = 0;
  std::uint64_t fence = 0;
  bool fence_is_hidden = false;
  Folder state;
};

struct RestoreTerms {
  // The backup, in words that tell it from others: what is not finished is gone on with from the same one alone.
  std::string origin;
  // Restores also where the session exists.
  bool overwrite = false;
  // Takes the lease also from an owner that is alive.
  bool steal = false;
  // Writes nothing.
  bool dry_run = false;
};

struct Restored {
  enum class Outcome : std::uint8_t {
    kRestored,
    // It exists and holds something else; it was left as it is.
    kLeftAlone,
    // It holds what the backup has.
    kEqual,
    // Neither has anything.
    kEmpty,
  };
  Outcome outcome = Outcome::kRestored;
  // The session's, now; of a dry run, before it.
  std::uint64_t revision = 0;
};

// Brings the session to the server, under its lease, which is taken for that time, and compares what it then holds.
// Afterwards its fence and its revision are greater than any that the backup, or this store, has known.
//
// Fails as Import and WriteUnderWatch do: FailedPrecondition (LEASE_HELD) for a session that somebody has.
absl::StatusOr<Restored> RestoreSession(CommandContext& context, const SavedSession& saved, const RestoreTerms& terms);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_RESTORER_H_
