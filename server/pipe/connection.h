#ifndef AUTHSTATE_SERVER_PIPE_CONNECTION_H_
#define AUTHSTATE_SERVER_PIPE_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/handlers/lease_validation.h"
#include "server/pipe/answer.h"
#include "server/pipe/batch.h"
#include "server/pipe/budget.h"
#include "server/pipe/channel.h"
#include "server/pipe/failure_log.h"
#include "server/pipe/limits.h"
#include "storage/backend.h"

namespace authstate::server::pipe {

// One caller's pipe, without the RPC framework around it: takes messages of operations, asks the backend, and gathers
// the answers into messages.
//
// Operations of one channel take place in order: those of one kind that follow each other go to the backend together,
// anything else waits until what came before is answered. Operations of different channels that wait at the same time
// go to the backend as one call of each kind. So nothing here waits for time to pass: what comes while the backend is
// busy is the next batch.
//
// Thread-safe, but for what is said of Take and of the frames. Never blocks. The backend is borrowed, and outlives the
// operations under way; these outlive the connection's owner if need be.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Options {
    Limits limits;
    // From reading an operation to asking the backend, and again as long for its answer.
    absl::Duration deadline = absl::Seconds(30);
    Stealing stealing = Stealing::kAllowed;
    // Asked for each operation when its turn comes.
    Permit permit;
    // Called once for each operation that has ended, on the session of its channel, with a lock held: it must not call
    // back. Null: nobody asks.
    std::function<void(const Operation& operation, const std::string& session_id, const absl::Status& outcome)> record;
    // The stream's, for the log.
    std::string request_id;
  };

  struct Counts {
    std::uint64_t operations = 0;
    std::uint64_t failures = 0;
  };

  // `on_change` is called, from any thread, when there are answers or MayRead may have become true; not after Close.
  static std::shared_ptr<Connection> Create(storage::Backend* backend, std::shared_ptr<Budget> budget, Options options,
                                            std::function<void()> on_change);
  ~Connection();

  // Begins the operations of a message. InvalidField when it breaks the contract; none of them takes place then. One
  // call at a time.
  absl::Status Take(v1::PipeRequest&& request);

  // Whether another message may be read, within the limits. If not, `on_change` tells when to ask again.
  bool MayRead();

  // Answers are written one frame at a time: NextFrame, then FrameWritten.
  bool HasAnswers() const;
  void NextFrame(v1::PipeResponse* frame);
  void FrameWritten();

  // Whether everything that was taken is answered, and the answers written.
  bool Idle() const;

  // Asks once more for what has its leave and waits to be sent to the backend: the caller has lost rights.
  void AskForPermission();

  // The caller is gone. What is at the backend goes on there, and nobody hears of it; what is not is dropped.
  void Close();

  Counts counts() const;

 private:
  struct Lane {
    // Channels whose next operation is of this kind.
    std::deque<Channel*> ready;
    int under_way = 0;
  };

  Connection(storage::Backend* backend, std::shared_ptr<Budget> budget, Options options,
             std::function<void()> on_change);

  // Sends to the backend what may go, logs failures, and tells of changes. The one place that calls out, without the
  // mutex, and on one thread at a time: a backend that answers in place only leaves more to do for the caller's loop.
  void Drive() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<Batch> TakeBatches() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayCall(Kind kind) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(Batch batch);

  void OnCommits(Batch batch, const std::vector<absl::StatusOr<storage::Applied>>& results);
  void OnReads(Batch batch, std::vector<absl::StatusOr<storage::ReadResult>> results);
  void OnLeases(Batch batch, const std::vector<absl::StatusOr<storage::LeaseResult>>& results);

  // Answers `operation`; `session_id` is for those who write down what was done.
  void Answer(const Operation& operation, const std::string& session_id, v1::PipeResult result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnswerFailure(const Operation& operation, const std::string& session_id, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const Operation& operation, const std::string& session_id, const absl::Status& outcome,
           v1::PipeResult result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Operations that their call has not done for the sake of others in it, and those behind them on their channel: they
  // go again, before all others of it.
  void GoAgain(Batch::Member* member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The batch is over: its channels go on.
  void Finish(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers what needs no backend, and makes the channel ready for what does.
  void Advance(Channel* channel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Lane& LaneOf(Kind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return lanes_[static_cast<std::size_t>(kind)]; }

  storage::Backend* const backend_;
  const std::shared_ptr<Budget> budget_;
  const Options options_;
  const std::function<void()> on_change_;

  mutable absl::Mutex mutex_;
  Channels channels_ ABSL_GUARDED_BY(mutex_);
  std::array<Lane, kKinds> lanes_ ABSL_GUARDED_BY(mutex_);
  AnswerQueue answers_ ABSL_GUARDED_BY(mutex_);
  // How many operations were taken whose answers are not written yet, and their bytes.
  std::size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // How much of `bytes_` has been taken from the budget.
  std::size_t budgeted_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // How many channels the budget was told of.
  std::size_t told_channels_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waits_for_budget_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<FailedOperation> unlogged_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool driving_ ABSL_GUARDED_BY(mutex_) = false;
  bool drive_again_ ABSL_GUARDED_BY(mutex_) = false;
  // Only the thread that is in Drive uses it.
  FailureLog failure_log_;
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_CONNECTION_H_
