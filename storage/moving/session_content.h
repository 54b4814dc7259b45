#ifndef AUTHSTATE_STORAGE_MOVING_SESSION_CONTENT_H_
#define AUTHSTATE_STORAGE_MOVING_SESSION_CONTENT_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"

// What a database has of one session, read so that it can be compared with what another has, and written there. All
// block, and fail as the backend does.
namespace authstate::storage {

// Opens a snapshot. Those who load sessions may have all snapshots, and wait in line for them; this stands in no line,
// and asks again for up to 5 s.
absl::StatusOr<std::unique_ptr<Snapshot>> AwaitSnapshot(Backend& backend, const std::string& session_id,
                                                        absl::Time deadline);

// The session's row, and where it exists, a snapshot of it.
struct SessionState {
  LeaseResult row;
  // When that was asked for and answered: `row.lease.remaining` is of a moment in between.
  absl::Time asked;
  absl::Time answered;
  // Null: the session does not exist.
  std::unique_ptr<Snapshot> snapshot;
  // Whether the row is as it was at the moment of the snapshot, or, without one, whether it stayed the same meanwhile.
  bool of_one_moment = false;

  bool exists() const { return snapshot != nullptr; }
  // The revision and commits that the content is of.
  std::uint64_t revision() const { return exists() ? snapshot->revision() : row.revision; }
  const RecentCommits& recent() const { return exists() ? snapshot->recent_commits() : row.recent; }
};

absl::StatusOr<SessionState> ReadState(Backend& backend, const std::string& session_id, absl::Time deadline);

// What stands for each value of a session (session_digest.h). About 100 bytes a key.
struct ContentDigests {
  std::optional<std::string> creds;
  absl::flat_hash_map<KeyName, std::string> keys;
};

// A session that does not exist has none. Reads the snapshot to its end.
absl::StatusOr<ContentDigests> DigestContent(const SessionState& state, absl::Time deadline);

// What makes the content of one session that of another.
struct ContentChange {
  // Its creds, sets, deletes and action; no more.
  Commit commit;
  // Whether it changes anything.
  bool differs = false;
  // For people: `creds differ; 3 keys differ`. Empty when nothing does.
  std::string what;
  // Creds and values that were read of `from`.
  std::size_t bytes_read = 0;
};

// Reads the snapshot of `from` to its end, and keeps in memory what differs, whole. `exists` and `to` are of the
// session that is to become the same.
absl::StatusOr<ContentChange> ChangeInto(const SessionState& from, bool exists, ContentDigests to, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_SESSION_CONTENT_H_
