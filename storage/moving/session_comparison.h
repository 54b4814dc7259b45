#ifndef AUTHSTATE_STORAGE_MOVING_SESSION_COMPARISON_H_
#define AUTHSTATE_STORAGE_MOVING_SESSION_COMPARISON_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"
#include "storage/moving/lease_side.h"
#include "storage/moving/session_copy.h"

namespace authstate::storage {

// How long a round may take: each of its steps, which are to read one session and to list all, and the whole.
struct RoundBounds {
  absl::Duration step;
  absl::Time end = absl::InfiniteFuture();

  absl::Time Next() const { return std::min(end, absl::Now() + step); }
};

// Finds out whether two databases keep the same sessions, in rounds, while both may be written to; and, where it
// copies, makes the target's what those of the source are (session_copy.h). The first round reads everything; each
// further one only those sessions whose summary (revision, creds, number of keys, time of the last change, lease) moved
// on one side since, and those that differed. When the last round read nothing that moved, both were the same at the
// moment when it listed them. When a round that copies has found no difference, the target has all that the source had
// at its beginning.
//
// Without copying, revisions and last commit ids are not compared, and a session that is gone on both sides is none.
// A writer beside this program that changes values and neither the number nor the update time of rows is not seen, but
// by a first round.
//
// Not thread-safe; a round has threads of its own. Memory: about 500 bytes for each session, and what differs of those
// that are being copied.
class SessionComparison {
 public:
  struct Options {
    // nullopt: only compares.
    std::optional<CopyOptions> copy;
    // The most that is read of the source, while a round has no end; 0: no bound.
    std::uint64_t max_bytes_per_second = 0;
  };
  SessionComparison(Backend& source, Backend& target, Options options)
      : source_(source), target_(target), options_(options) {}

  // One that copies, without a bound, and has found already what this has found equal: to the same target, or,
  // reversed, from it. Only of one that copies.
  std::unique_ptr<SessionComparison> GoingOn(bool reversed) const;

  using OnCompared = std::function<void(std::size_t compared, std::size_t total)>;

  // One round. Cancelled when `cancelled` says so; else fails as the backends do. What was found before stays. Both are
  // called by one thread at a time.
  absl::Status Round(const RoundBounds& bounds, const std::function<bool()>& cancelled, const OnCompared& on_compared);

  // How many sessions the last round had to read.
  std::size_t read_in_last_round() const { return read_; }
  std::size_t equal_sessions() const;
  std::size_t other_revisions() const;
  // Over all rounds.
  std::size_t copies() const { return copies_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  // By id, as the last round found them. A session that was written to between the two readings is among them.
  std::vector<SessionDifference> Differences() const;
  // Differences that will not be copied away.
  std::vector<SessionDifference> Refusals() const;
  // Those that two rounds or more have found, since `since` or before, without a change on either side in between.
  std::vector<SessionDifference> LastingDifferences(absl::Time since) const;

 private:
  // A session in a listing: one without an id stands for no session.
  struct Listed {
    SessionSummary summary;
    absl::Time asked;
    absl::Time answered;
  };
  // What is listed of a session on each side.
  struct Standing {
    Listed source;
    Listed target;
  };
  struct Finding {
    Standing standing;
    // When it was first found like this.
    absl::Time since;
    int rounds = 1;
    // Empty when both keep the same.
    std::string difference;
    bool refused = false;
    bool other_revision = false;
    bool copied = false;
    bool written_by_others = false;
    std::size_t bytes_read = 0;
  };
  using Listing = std::map<std::string, Listed>;

  static bool Same(const SessionSummary& a, const SessionSummary& b);
  absl::StatusOr<Listing> ListAll(Backend& backend, const RoundBounds& bounds) const;
  absl::StatusOr<Finding> Look(const std::string& session_id, const Standing& standing, absl::Time deadline);
  absl::StatusOr<Finding> Compare(const std::string& session_id, absl::Time deadline);
  absl::StatusOr<Finding> Copy(const std::string& session_id, absl::Time deadline);
  // Lets the leases of the target live on that were renewed in the source; drops the findings of sessions where that
  // failed.
  absl::Status RenewLeases(const RoundBounds& bounds);
  absl::Status LookAtAll(const std::vector<std::string>& session_ids, const std::map<std::string, Standing>& standings,
                         const RoundBounds& bounds, const std::function<bool()>& cancelled,
                         const OnCompared& on_compared);
  std::vector<SessionDifference> DifferencesThat(const std::function<bool(const Finding&)>& chosen) const;

  Backend& source_;
  Backend& target_;
  const Options options_;
  std::map<std::string, Finding> findings_;
  // Those that others have written on the target: not overwritten by a later round either, to which that looks like any
  // earlier state.
  std::set<std::string> written_by_others_;
  std::size_t read_ = 0;
  std::size_t copies_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_SESSION_COMPARISON_H_
