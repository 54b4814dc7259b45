#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_RESOLUTION_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_RESOLUTION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"

// What became of a commit whose statement got no answer: its connection broke, or its deadline passed. It may have been
// applied, or not; it may still be waiting for a lock; it may even still be on its way, in a socket or in a pooler.
//
// Three things that a session's row holds decide it (migrations/postgres/0002_commit_ids.sql):
//
//   recent commits  The ids of the last eight commits, with revision and time. A commit puts its own id there in the
//                   statement that applies it. So an id that is there tells: applied, at this revision.
//   barrier         A counter. A commit passes only if the row still has the barrier of the statement's snapshot.
//   revision        Likewise.
//
// and one that the commit statement carries: not_after, an instant by the clock of the database. The statement reads
// that clock after it took its snapshot, and refuses itself when it is later than not_after.
//
// To resolve, one statement on another connection reads the clock, raises the barrier, and reads the row that it has
// thereby written. It waits for whoever holds the row, so it sees how that one ended; or it gives up, is undone as if
// it had never been, and is run again later. Then, for an id it does not find:
//
//   - Every statement whose snapshot is older than the raised barrier is shut out: it finds another barrier.
//   - Every statement whose snapshot is not older took it after the resolving statement read the clock. If that reading
//     was later than not_after, so is its own: it refuses itself.
//
// So once the clock was read later than not_after, the doubtful statement has been applied already or never will be.
// Until then the resolving statement is run again. If the id is not there, it was not applied, unless eight other
// commits have pushed it out since; that cannot be if fewer than eight are kept, or if the oldest of them ran before
// the doubtful statement was sent: the times among them never fall, as each commit read the clock after the one before
// it was visible. A commit that has a number under the row's fence needs no id: it was applied if the row has that
// number or a higher one.
//
// What was found is durable, also where the primary waits for a standby: the resolving statement is itself a commit,
// which follows in the log what it has seen. So a commit that a statement only found to have been applied before is
// looked up as well: that may not be on the standby yet, which may be promoted before it is.
//
// It is assumed that the clock of the database is not set back by more than the time between two such statements, and
// that a standby which is promoted has about the time of its primary. not_after itself needs no such thing: a wrong
// guess of the database's time (DatabaseClock) makes a commit refuse itself, and be sent again, or makes the resolution
// take longer.
namespace authstate::storage {

// A statement in doubt. Instants are microseconds since the Unix epoch by the clock of the database.
struct DoubtfulStatement {
  // Each of another session, each with an id. Not owned.
  std::vector<const Commit*> commits;
  // It was not sent before this.
  std::int64_t sent_after = 0;
  // It refuses itself when it begins later.
  std::int64_t not_after = 0;
};

enum class Fate : std::uint8_t {
  kApplied,
  // Nor will it be any more.
  kNotApplied,
  // The database did not say so in time, or too many commits have followed.
  kUnknown,
};

struct Verdict {
  Fate fate = Fate::kUnknown;
  // The revision that it led to, if it was applied; that of now, if its number alone tells.
  std::uint64_t revision = 0;
};

// What one try came to: a verdict on each commit; or none yet, and when another try may tell (PutBack). `locked`: a
// lock was in the way, of one of the sessions. Neither: it will never be told.
struct Resolution {
  std::vector<Verdict> verdicts;
  std::optional<PutBack> again;
  bool locked() const { return again.has_value() && !again->pause.has_value(); }
};

// Looks every commit of the statement up, and shuts the statement out; verdict i is that of commit i. Blocks for one
// statement, on a new connection if need be, which waits for a lock no longer than `lock_patience`. Each try stands by
// itself, and may be for some of the sessions of a statement alone: what is shown above is of one session, and its
// last try.
Resolution ResolveCommits(PgConnection& connection, const Layout& layout, const DoubtfulStatement& statement,
                          absl::Duration lock_patience, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_COMMIT_RESOLUTION_H_
