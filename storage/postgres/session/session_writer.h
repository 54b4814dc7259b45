#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_

#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/session/commit_parameters.h"
#include "storage/postgres/session/commit_resolution.h"
#include "storage/postgres/session/patch_bases.h"
#include "storage/postgres/session/waves.h"
#include "storage/postgres/sql/commit_rows.h"
#include "storage/sealing/session_keys.h"

namespace authstate::storage {

// Backend::Apply, by visits to connections, in waves: it goes on where it can, and is put back where it would only
// wait, for a lock or for a doubt to pass.
//
// What is in doubt is looked up (commit_resolution.h) and sent again only once it is known not to have been applied; a
// commit without an id cannot be looked up and stays in doubt.
//
// Not thread-safe: used by one thread after another.
class SessionWriter {
 public:
  using Results = Waves<Commit, Applied>::Results;

  // `keys` outlives the writer. Long values are patched where `bases` has theirs; it outlives the writer. Null: all are
  // written whole.
  SessionWriter(const Layout& layout, SessionKeys& keys, std::vector<Commit> commits, absl::Time deadline,
                PatchBases* bases = nullptr, IsLocked is_locked = nullptr);

  // Blocks until every commit has its result, or it has to wait; not called again after the first.
  std::optional<PutBack> Work(PgConnection& connection);
  // After that, or between visits: result i is that of commit i, `status` where it has none. One in doubt says so.
  Results Finish(const absl::Status& status = absl::OkStatus());

 private:
  // Commits of a statement that got no answer; or such that were found to have been applied before, and may not be
  // durable yet. They are held until they are looked up.
  struct Doubt {
    Wave members;
    Failure failure;
    DoubtfulStatement statement;
  };

  // Brings every commit into the form that the layout stores; one that it cannot hold has its result then.
  void Encode();
  Wave NextWave();
  // Takes those out of the wave whose session cannot be sealed for, and answers them; how the others are sealed.
  std::vector<SessionSealing> Seal(Wave* wave);
  void Send(Wave wave);
  // The form of the statement for commits of this form.
  CommitForm StatementFor(CommitForm form) const;
  void Understand(const Wave& wave, const std::vector<CommitRow>& rows);
  // What the rows tell of the data keys of their sessions.
  void LearnKeys(const Wave& wave, const std::vector<CommitRow>& rows, std::vector<SessionSealing> sealings);
  // Keeps the bases that are there now, of those that a wave has written.
  void Keep(const Wave& wave, const std::vector<CommitRow>& rows, std::vector<CommitParameters::NewBase> bases);
  void Fail(const Wave& wave, const Failure& failure);
  // Has commits looked up that were found to have been applied before; those that are gone since are sent again.
  void ConfirmReplays(const Wave& replayed);
  // The fate of these has to be looked up; those not applied stay without a result, to be sent again.
  void BeginDoubt(const Wave& wave, const Failure& failure, DoubtfulStatement statement);
  void HoldForDoubt(Doubt doubt);
  // Looks up what is in doubt; the soonest that what remains may be known.
  std::optional<PutBack> Resolve();
  void Settle(const Doubt& doubt, const std::vector<Verdict>& verdicts);

  const Layout& layout_;
  SessionKeys& keys_;
  PatchBases* const bases_;
  const absl::Time deadline_;
  Waves<Commit, Applied> waves_;
  bool encoded_ = false;
  // The connection that is being visited.
  PgConnection* connection_ = nullptr;
  // A commit of the call did not pass a statement for less than any, for a reason that its answer does not tell.
  bool needs_any_ = false;
  // Which were sent before. Those are written whole: it may have been the base of a patch that did not let them pass.
  std::vector<bool> tried_;
  std::deque<Doubt> doubts_;
  int doubts_had_ = 0;
  int standby_answers_ = 0;
  // How often a statement began too late.
  int late_ = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_WRITER_H_
