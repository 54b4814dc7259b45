#ifndef AUTHSTATE_TESTS_UNIT_WRITE_BEHIND_TIER_H_
#define AUTHSTATE_TESTS_UNIT_WRITE_BEHIND_TIER_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"
#include "storage/forwarding_backend.h"
#include "storage/write_behind/write_behind.h"
#include "tests/support/temp_dir.h"

// A near store in a file before a far one in memory, which can be away, or lose questions and answers.
namespace authstate::storage {

// How the far store behaves towards one server; outlives that. Thread-safe.
struct FarBehaviour {
  enum Mode : int {
    kWorks,
    // Nothing is done, and it says so.
    kAway,
    // It is done, and nobody is told; or it is not done, and that is not known.
    kLosesAnswers,
    kLosesQuestions,
    // It is not done, and said to be.
    kForgets,
    // Commits find their session locked.
    kLocks,
    // What is to change a lease is done when DeliverLate is called, and nobody is told; the rest works.
    kDelaysLeases,
    // Nothing is answered, or done, until LetGo.
    kHangs,
    // A change of a lease is done, and nobody is told; from then on it is away.
    kGoesAwayAfterALease,
  };
  std::atomic<int> mode = kWorks;
  // Counts of flushes, and of what is asked about leases.
  std::atomic<int> commits = 0;
  std::atomic<int> leases = 0;
  std::atomic<int> snapshots = 0;
  std::atomic<int> pings = 0;

  absl::Mutex mutex;
  std::vector<std::vector<LeaseRequest>> late ABSL_GUARDED_BY(mutex);
  void DeliverLate(Backend& far);

  // It works again, and what hangs is told that nobody knows what became of it.
  std::vector<absl::AnyInvocable<void() &&>> hanging ABSL_GUARDED_BY(mutex);
  void LetGo();
  // Whether anything does.
  bool Hangs();

  // Flushes of these sessions take too long, those of others beside them too; or are refused for what they are.
  std::string slow ABSL_GUARDED_BY(mutex);
  std::string refused ABSL_GUARDED_BY(mutex);
  void SetSlow(const std::string& session_id);
  void SetRefused(const std::string& session_id);
  // What becomes of the flush, if it is of such sessions.
  std::optional<std::vector<absl::StatusOr<Applied>>> Fault(const std::vector<Commit>& commits);

  // Called before each snapshot is opened.
  std::function<void()> before_snapshot = [] {};
  // As a Description says it.
  std::string layout;
  // Whether a gate stands before it that lets nothing be written in maintenance, as in a server.
  bool gated = false;
  // Null: none was promoted. Else it is served in place of the one that was opened, of which it is a standby.
  std::atomic<Backend*> promoted = nullptr;
};

// As one server sees the far store that many share.
class FarStore final : public ForwardingBackend {
 public:
  FarStore(Backend* shared, FarBehaviour* behaviour) : ForwardingBackend(shared), behaviour_(*behaviour) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override;
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override;
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override;
  void List(ListRequest request, absl::Time deadline, ListDone done) override;
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override;
  void Ping(absl::Time deadline, PingDone done) override;
  Description Describe() const override;

 private:
  // Whether it was taken: what is asked hangs, and has `count` results.
  template <typename Result, typename Done>
  bool Hangs(std::size_t count, Done* done);
  Backend& store() const;

  FarBehaviour& behaviour_;
};

// A server: its file, and its way to the far store. Opened and closed as often as wanted.
class Server {
 public:
  explicit Server(Backend* far, std::string advertise = "") : far_(*far), advertise_(std::move(advertise)) {}

  absl::Status Open();
  void Close() { backend_.reset(); }
  // As after SIGKILL, as far as the far store sees it.
  void CloseWithoutFar();

  Backend& backend() { return *backend_; }
  // What was logged since the start of the test.
  std::vector<std::string> Lines() const;
  // Whether a line was logged that contains the text.
  bool HasLogged(const std::string& text) const;
  WriteBehindState State() const { return backend_->State(); }
  FarBehaviour& far() { return behaviour_; }
  WriteBehindOptions& options() { return options_; }
  std::string path() const { return folder_.File("near.db"); }

  absl::StatusOr<LeaseResult> Lease(LeaseRequest request, absl::Duration patience = absl::Minutes(1));
  absl::StatusOr<std::uint64_t> Apply(Commit commit, absl::Duration patience = absl::Minutes(1));
  std::uint64_t Acquire(const std::string& session_id, const std::string& owner, bool steal = false);
  absl::StatusOr<LeaseResult> Release(const std::string& session_id, std::uint64_t fence);
  std::optional<Value> Key(const std::string& session_id, const std::string& id);

 private:
  Backend& far_;
  const std::string advertise_;
  test::TempDir folder_;
  FarBehaviour behaviour_;
  const std::shared_ptr<DeadlineTimer> timer_ = std::make_shared<DeadlineTimer>();
  WriteBehindOptions options_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<WriteBehindTier> backend_;
};

Commit SetKey(const std::string& session_id, std::uint64_t fence, const std::string& id, std::string value);

// Whether both have the same of the session, at the same revision.
bool Same(Backend& a, Backend& b, const std::string& session_id);
// Waits until that is so, for a minute.
void AwaitSame(Backend& a, Backend& b, const std::string& session_id);
// The lease of a session in a store.
storage::Lease LeaseIn(Backend& store, const std::string& session_id);

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_UNIT_WRITE_BEHIND_TIER_H_
