#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/session/commit_parameters.h"
#include "storage/postgres/session/commit_resolution.h"
#include "storage/postgres/session/patch_bases.h"

namespace authstate::storage {

// Backend::Apply, by visits to connections: it goes on where it can, and is put back where it would only wait, for a
// lock or for a doubt to pass.
//
// The commits go in waves: one statement each, with the first pending commit of every session, up to a bound of bytes.
// A commit that lost a race against another connection goes again with the next wave, until the deadline.
// What is in doubt is looked up (commit_resolution.h) and sent again only once it is known not to have been applied; a
// commit without an id cannot be looked up and stays in doubt.
//
// Where a lock is in the way of a wave, the wave is divided until the session that is locked stands alone. Its commits
// are tried until the deadline if they are all there are, and wait for locks; else they fail with SessionLocked.
//
// Not thread-safe: used by one thread after another.
class SessionWriter {
 public:
  using Results = std::vector<absl::StatusOr<Applied>>;
  // Whether somebody waits for the lock of a session already.
  using IsLocked = std::function<bool(const std::string& session_id)>;

  // Long values are patched where `bases` has theirs; it outlives the writer. Null: all are written whole. Null
  // `is_locked`: nobody knows.
  SessionWriter(const Layout& layout, std::vector<Commit> commits, absl::Time deadline, PatchBases* bases = nullptr,
                IsLocked is_locked = nullptr);

  // Blocks until every commit has its result, or it has to wait; not called again after the first.
  std::optional<PutBack> Work(PgConnection& connection);
  // After that, or between visits: result i is that of commit i, `status` where it has none. One in doubt says so.
  Results Finish(const absl::Status& status = absl::OkStatus());

 private:
  // Places in `commits_`.
  using Wave = std::vector<std::size_t>;
  // Commits of a statement that got no answer; or such that were found to have been applied before, and may not be
  // durable yet.
  struct Doubt {
    Wave members;
    Failure failure;
    DoubtfulStatement statement;
  };

  // Brings every commit into the form that the layout stores; one that it cannot hold has its result then. So has one
  // of a session that others wait for, where it is not to wait as well.
  void Begin();
  // The next statement's worth of commits without a result, in the order of their sessions.
  Wave NextWave();
  // Whether one lacks a result, and nothing else is under way for it.
  bool Pending(std::size_t member) const { return !results_[member].has_value() && !doubtful_[member]; }
  void Send(const Wave& wave);
  // The form of the statement for commits of this form.
  CommitForm StatementFor(CommitForm form) const;
  void Understand(const Wave& wave, const pqxx::result& rows);
  // Keeps the bases that are there now, of those that a wave has written.
  void Keep(const Wave& wave, const pqxx::result& rows, std::vector<CommitParameters::NewBase> bases);
  void Fail(const Wave& wave, const Failure& failure);
  void GiveWay(const Wave& wave);
  // Has commits looked up that were found to have been applied before; those that are gone since are sent again.
  void ConfirmReplays(const Wave& replayed);
  // The fate of these has to be looked up; those not applied stay without a result, to be sent again.
  void BeginDoubt(const Wave& wave, const Failure& failure, DoubtfulStatement statement);
  // Looks up what is in doubt; the soonest that what remains may be known.
  std::optional<PutBack> Resolve();
  void Settle(const Doubt& doubt, const std::vector<Verdict>& verdicts);
  // Every commit that has no result yet was not sent, and will not be; but for those in doubt.
  void GiveUp(const absl::Status& status);

  const Layout& layout_;
  PatchBases* const bases_;
  const IsLocked is_locked_;
  std::vector<Commit> commits_;
  const absl::Time deadline_;
  // Of the visit.
  PgConnection* connection_ = nullptr;
  bool begun_ = false;
  // For locks: all commits are of one session, and wait.
  bool waits_ = true;
  std::vector<std::optional<absl::StatusOr<Applied>>> results_;
  // A commit of the call did not pass a statement for less than any, for a reason that its answer does not tell.
  bool needs_any_ = false;
  // Which were sent before. Those are written whole: it may have been the base of a patch that did not let them pass.
  std::vector<bool> tried_;
  // Those in `doubts_`.
  std::vector<bool> doubtful_;
  std::deque<Doubt> doubts_;
  int doubts_had_ = 0;
  int standby_answers_ = 0;
  // How often a statement began too late.
  int late_ = 0;
  // What became of a wave that met a lock.
  std::deque<Wave> parts_;
  // A lock was met, by the last statement; by any.
  bool locked_ = false;
  bool was_locked_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_
