#ifndef AUTHSTATE_STORAGE_COUNTS_CALL_COUNTS_H_
#define AUTHSTATE_STORAGE_COUNTS_CALL_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "absl/strings/string_view.h"
#include "storage/counts/histogram.h"

namespace authstate::storage {

// The calls of storage/backend.h, as CallCounts counts them.
enum class CallKind : std::uint8_t { kCommits, kReads, kSnapshots, kLists, kLeases, kPurges, kGrants, kPings };
inline constexpr absl::string_view kCallKinds[] = {"commits", "reads",  "snapshots", "lists",
                                                   "leases",  "purges", "grants",    "pings"};

// How a commit ended: the answers of a store that it was applied, that it was not, and that it may have been.
enum class CommitEnd : std::uint8_t { kApplied, kNotApplied, kUnknown };
inline constexpr absl::string_view kCommitEnds[] = {"applied", "not_applied", "unknown"};

// Calls of one kind on their way into batches, of what gathers before the driver (storage/decorators/gatherer.h).
// Thread-safe.
struct GatherCounts {
  // Those that wait now for the batches before theirs.
  std::atomic<std::uint64_t> waiting = 0;
  // How long those had waited that were sent: hardly at all where there was room.
  Histogram waits{kDurationBounds};
};

// What was asked of the driver of one database since the start, and how it ended. What a cache has answered did not get
// there. Thread-safe.
struct CallCounts {
  using Counter = std::atomic<std::uint64_t>;

  std::array<Counter, std::size(kCallKinds)> calls{};
  std::array<Counter, std::size(kCommitEnds)> commits{};
  // Commits that came in one call.
  Histogram batches{kCountBounds};
  // Before the driver of PostgreSQL; the writer of SQLite gathers by itself.
  GatherCounts gathered_commits;
  GatherCounts gathered_reads;
  // Answers that were DataLoss.
  Counter data_loss = 0;
  // Commits, reads and requests about leases that named a fence which is not the current one.
  Counter stale_fences = 0;

  // Reads of one session each that a cache before the driver could answer, and could not; what it holds, in bytes.
  Counter cache_hits = 0;
  Counter cache_misses = 0;
  Counter cache_bytes = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_COUNTS_CALL_COUNTS_H_
