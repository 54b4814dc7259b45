#ifndef AUTHSTATE_STORAGE_DECORATORS_SESSION_COMPARISON_H_
#define AUTHSTATE_STORAGE_DECORATORS_SESSION_COMPARISON_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"

namespace authstate::storage {

// Finds out whether two databases keep the same sessions, in rounds, while both may be written to. The first round
// reads everything; each further one only those sessions whose summary (revision, creds, number of keys, time of the
// last change) moved on one side since, and those that differed. When the last round read nothing that moved, both were
// the same at the moment when it listed them.
//
// A writer beside this program that changes values and neither the number nor the update time of rows is not seen.
//
// Not thread-safe. Memory: about 300 bytes for each session.
class SessionComparison {
 public:
  SessionComparison(Backend& source, Backend& target) : source_(source), target_(target) {}

  using OnCompared = std::function<void(std::size_t compared, std::size_t total)>;

  // One round. Cancelled when `cancelled` says so; else fails as the backends do. What was found before stays.
  absl::Status Round(absl::Time deadline, const std::function<bool()>& cancelled, const OnCompared& on_compared);

  // How many sessions the last round had to read.
  std::size_t read_in_last_round() const { return read_; }
  std::size_t equal_sessions() const;
  std::size_t other_revisions() const;
  // By id, as the last round found them. A session that was written to between the two readings is among them.
  std::vector<SessionDifference> Differences() const;
  // Those that two rounds or more have found, since `since` or before, without a change on either side in between.
  std::vector<SessionDifference> LastingDifferences(absl::Time since) const;

 private:
  // What the summaries of a session say on each side: an empty one stands for no session.
  struct Standing {
    SessionSummary source;
    SessionSummary target;
  };
  struct Finding {
    Standing standing;
    // When it was first found like this.
    absl::Time since;
    int rounds = 1;
    // Empty when both keep the same.
    std::string difference;
    bool other_revision = false;
  };

  static bool Same(const SessionSummary& a, const SessionSummary& b);
  absl::StatusOr<Finding> Compare(const std::string& session_id, const Standing& standing, absl::Time deadline);

  Backend& source_;
  Backend& target_;
  std::map<std::string, Finding> findings_;
  std::size_t read_ = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_COMPARISON_H_
