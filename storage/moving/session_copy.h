#ifndef AUTHSTATE_STORAGE_MOVING_SESSION_COPY_H_
#define AUTHSTATE_STORAGE_MOVING_SESSION_COPY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/backend.h"

// Makes a session of one database, the target, what it is in another, the source: creds, keys, revision, fence, lease,
// the number applied under it, and the last commit ids. The source serves it meanwhile; nobody serves the target.
//
// Invariants:
//   1. The source is the truth, but never for what the target has more of: a session that has a higher revision or
//   fence
//      there, that the source has never known, that is at the same revision with another content, or that others wrote
//      there, is a conflict. It is overwritten only where that is asked for.
//   2. The content of the target goes from one moment of the session in the source to a later one, by one commit, which
//      carries revision and ids of that moment. It is only made on the state that was compared with (its expected
//      revision), and under a fence that nobody else has.
//   3. A target whose lease, number or content is of another moment than the rest belongs to the copy: its lease is
//   that
//      of kCopyOwner, which has ended, under a fence beyond all that the source may give. Taken first, given up last,
//      so that a copy that ends anywhere leaves either a whole state or one that no comparison takes for whole. Whoever
//      takes such a session over by force gets a fence greater than every one before, and a revision that leaps
//      (storage/lease.h): nothing that a client has seen goes back.
//   4. The lease is passed on under the same fence, of the same owner, and never ends earlier than in the source: it
//   has
//      the time that it had left, and a little more (lease_side.h).
//   5. Where the target's history is given up (overwrites), the source first leaps past the target's revision, and, if
//      need be, past its fence: neither is given twice for different things.
//   6. In the old tables other programs write without moving the revision. Of the source that is found as a commit with
//      an expected revision finds it, which moves it on; of the target it is a conflict, found by the commit.
namespace authstate::storage {

// No client may be named so (storage/lease.h).
inline constexpr absl::string_view kCopyOwner = "home:sync";

// What is told of a session that is refused for that.
inline constexpr absl::string_view kWrittenByOthers = "was written on the target by others";

struct CopyOptions {
  // Else it only tells what differs.
  bool writes = true;
  bool overwrites = false;
};

struct CopyResult {
  enum class State : std::uint8_t {
    kEqual,
    kCopied,
    // It differs, and can be copied: by nobody else, or, as it is being written, not yet.
    kBehind,
    // It is newer on the target, or cannot be kept there.
    kRefused,
  };
  State state = State::kEqual;
  // What differs, or why it is refused, for people; empty when nothing does.
  std::string what;
  // What was read of the source.
  std::size_t bytes_read = 0;
  // Refused, as others wrote it on the target; which only the first copy can tell that finds it.
  bool written_by_others = false;
};

// Blocks. An error is one of the databases, which may go away: what was done of the copy is made good by the next one.
absl::StatusOr<CopyResult> CopySession(Backend& source, Backend& target, const std::string& session_id,
                                       const CopyOptions& options, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_SESSION_COPY_H_
