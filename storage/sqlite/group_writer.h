#ifndef AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_
#define AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/sqlite/connection.h"
#include "storage/statement_stats.h"
#include "storage/work_queue.h"

namespace authstate::storage {

// The one thread that writes. It takes all calls that gathered while it was busy and makes them durable with a single
// transaction, so that the cost of a sync to disk is shared; an idle writer takes a lone call at once. Each commit has
// a savepoint of its own: one that fails leaves the others alone. Thread-safe.
class GroupWriter {
 public:
  // Each transaction counts as one statement in `stats`, which may be null.
  GroupWriter(std::unique_ptr<SqliteConnection> connection, std::size_t queue_limit,
              std::shared_ptr<StatementStats> stats);
  // Finishes what is queued.
  ~GroupWriter();
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, Backend::ApplyDone done);

 private:
  using Results = std::vector<absl::StatusOr<Applied>>;

  struct Call {
    std::vector<Commit> commits;
    absl::Time deadline;
    Backend::ApplyDone done;
    Results results;
  };

  void Run();
  // Returns whether it was committed.
  bool CommitGroup(std::vector<Call>& group);
  // Applies all commits of the group inside the transaction. Throws when the transaction cannot go on.
  void ApplyGroup(std::vector<Call>& group);
  absl::StatusOr<Applied> ApplyMember(const Commit& commit, absl::Time now);

  const std::unique_ptr<SqliteConnection> connection_;
  const std::shared_ptr<StatementStats> stats_;
  WorkQueue<Call> queue_;
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_
