#ifndef AUTHSTATE_STORAGE_DECORATORS_GATHERER_H_
#define AUTHSTATE_STORAGE_DECORATORS_GATHERER_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/batches/batch_room.h"
#include "storage/counts/call_counts.h"
#include "storage/deadline_timer.h"
#include "storage/decorators/session_turns.h"
#include "storage/error.h"

namespace authstate::storage {

struct GatheringLimits {
  // Batches under way. What comes meanwhile gathers.
  int batches = 0;
  // A batch closes at so many members, or bytes by the gatherer's measure; a single larger call has one of its own.
  std::size_t members = 0;
  std::size_t bytes = 0;
  // A call of at least so many members is a batch already, and waits for no other.
  std::size_t large_call = 0;
  // A call waits no longer than this for the batches under way, however long those take: what the store is stuck with
  // holds up nobody else.
  absl::Duration hold = absl::Milliseconds(100);
};

// Makes batches of calls of one kind. A call that finds less than GatheringLimits::batches under way goes at once, on
// the thread of its caller; the others go together when one of those is done. No call is ever split.
//
// What is locked by another program (Commit::wait_for_lock) must not keep a place among the batches, nor the others of
// its batch: a batch does not wait for locks, and a call that it has left undone for one goes again, by itself, beside
// the batches. A call with more bytes than a batch is not kept twice for that: it waits in its place.
//
// Each call is answered by its own deadline, though its batch has the latest of all: one that still waits with
// DeadlinePassedInQueue, one that is at work, after a moment's grace, with DeadlinePassedAtWork.
//
// Thread-safe. `send` is called with no lock held; it may answer at once.
template <typename Request, typename Result>
class Gatherer {
 public:
  using Results = std::vector<absl::StatusOr<Result>>;
  using Done = absl::AnyInvocable<void(Results) &&>;
  using Send = std::function<void(std::vector<Request> requests, absl::Time deadline, Done done)>;
  using Measure = std::size_t (*)(const Request& request);

  enum class Order {
    // Calls are gathered in the order in which they come.
    kNone,
    // Calls of one session one after the other, each in a batch of its own: in the order in which they came.
    kBySession,
  };

  // `timer` and `counts` outlive it. Destroyed after AwaitIdle.
  Gatherer(DeadlineTimer& timer, const GatheringLimits& limits, Order order, Measure measure, GatherCounts& counts,
           Send send)
      : limits_(limits),
        order_(order),
        measure_(measure),
        counts_(counts),
        send_(std::move(send)),
        first_end_(timer, [this] { EndOverdue(); }) {}
  Gatherer(const Gatherer&) = delete;
  Gatherer& operator=(const Gatherer&) = delete;

  // Waits until every call was answered. None is added from then on.
  void AwaitIdle() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Gatherer::Idle));
  }

  void Add(std::vector<Request> requests, absl::Time deadline, Done done) {
    if (requests.empty()) return std::move(done)({});
    GatheredCalls call(1);
    GatheredCall& added = call.front();
    added.members = requests.size();
    for (const Request& request : requests) added.bytes += measure_(request);
    if (order_ == Order::kBySession) added.sessions = SessionsOf(requests);
    added.pressing = added.members >= limits_.large_call;
    added.requests = std::move(requests);
    added.deadline = deadline;
    added.done = std::move(done);
    added.where = call.begin();
    added.added = absl::Now();
    const absl::MutexLock lock(&mutex_);
    blocked_.splice(blocked_.end(), call);
    SetEnd(&added, added.pressing ? deadline : std::min(deadline, added.added + limits_.hold));
    if (turns_.Queue(&added)) MakeReady(&added);
    Drive();
    Watch();
  }

 private:
  // Past its deadline a call at work is about to be answered by the store, which knows more of it.
  static constexpr absl::Duration kGrace = absl::Milliseconds(200);

  struct GatheredCall;
  using GatheredCalls = std::list<GatheredCall>;
  using Batches = std::list<GatheredCalls>;
  using Ends = std::multimap<absl::Time, GatheredCall*>;

  struct GatheredCall : SessionTurns::Ticket {
    // Kept when they are sent if they may have to go again.
    std::vector<Request> requests;
    bool may_go_again = false;
    // The results of the first members, which were done before the rest went again.
    Results results;
    std::size_t members = 0;
    std::size_t bytes = 0;
    absl::Time added;
    absl::Time deadline;
    // Empty once it was answered.
    std::optional<Done> done;
    // Goes as soon as its turn has come, however many batches are under way.
    bool pressing = false;
    bool sent = false;
    // When to look at it again.
    typename Ends::iterator end;
    typename GatheredCalls::iterator where;
  };

  // What is told to a caller once no lock is held.
  struct Answer {
    Done done;
    Results results;
  };

  static std::vector<std::string> SessionsOf(const std::vector<Request>& requests) {
    std::vector<std::string> sessions;
    sessions.reserve(requests.size());
    for (const Request& request : requests) sessions.push_back(request.session_id);
    std::sort(sessions.begin(), sessions.end());
    sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
    return sessions;
  }

  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !driving_ && answering_ == 0 && under_way_.empty() && apart_.empty() && ready_.empty() && blocked_.empty();
  }

  void SetEnd(GatheredCall* call, absl::Time end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    call->end = ends_.emplace(end, call);
  }

  // Who has set an end says so before the mutex is given up, but not before it knows whether the call goes at once:
  // then the end of the hold is gone again, and a lone call wakes nobody.
  void Watch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ends_.empty()) first_end_.SetIfEarlier(ends_.begin()->first);
  }

  void MakeReady(GatheredCall* call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ready_.splice(call->pressing ? ready_.begin() : ready_.end(), blocked_, call->where);
  }

  void GiveBack(GatheredCall* call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (SessionTurns::Ticket* const next : turns_.GiveBack(call)) MakeReady(static_cast<GatheredCall*>(next));
  }

  bool MaySend() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ready_.empty()) return false;
    return static_cast<int>(under_way_.size()) < limits_.batches || ready_.front().pressing;
  }

  // Sends what may go, with the mutex given up. One thread at a time, and not from within itself, so that a store which
  // answers at once does not pile up calls on the stack.
  void Drive() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (driving_) return;
    driving_ = true;
    while (MaySend()) SendNext();
    driving_ = false;
    counts_.waiting.store(blocked_.size() + ready_.size(), std::memory_order_relaxed);
  }

  void SendNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    under_way_.emplace_back();
    const auto batch = std::prev(under_way_.end());
    BatchRoom room(limits_.members, limits_.bytes);
    const absl::Time now = absl::Now();
    absl::Time deadline = absl::InfinitePast();
    while (!ready_.empty() && room.Take(ready_.front().members, ready_.front().bytes)) {
      GatheredCall& call = ready_.front();
      call.sent = true;
      counts_.waits.Add(now - call.added);
      deadline = std::max(deadline, call.deadline);
      ends_.erase(call.end);
      SetEnd(&call, std::max(now, call.deadline) + kGrace);
      batch->splice(batch->end(), ready_, ready_.begin());
    }
    std::vector<Request> requests;
    for (GatheredCall& call : *batch) Take(&call, &requests);
    Watch();
    mutex_.Unlock();
    Begin(&under_way_, batch, std::move(requests), deadline);
    mutex_.Lock();
  }

  // Adds the call's requests to those of its batch. It keeps them if it may go again.
  void Take(GatheredCall* call, std::vector<Request>* requests) {
    const auto first = static_cast<std::ptrdiff_t>(requests->size());
    if constexpr (std::is_same_v<Request, Commit>) {
      call->may_go_again =
          call->sessions.size() == 1 && call->bytes <= limits_.bytes && call->requests.front().wait_for_lock;
      if (call->may_go_again) {
        requests->insert(requests->end(), call->requests.begin(), call->requests.end());
        std::for_each(requests->begin() + first, requests->end(), [](Commit& commit) { commit.wait_for_lock = false; });
        return;
      }
    }
    if (first == 0) {
      *requests = std::move(call->requests);
    } else {
      std::move(call->requests.begin(), call->requests.end(), std::back_inserter(*requests));
    }
    call->requests.clear();
  }

  void Begin(Batches* among, typename Batches::iterator batch, std::vector<Request> requests, absl::Time deadline) {
    send_(std::move(requests), deadline,
          [this, among, batch](Results results) { Finish(among, batch, std::move(results)); });
  }

  // Whether the store has left some of the call undone, for a lock, and the caller is still there. Then the call has
  // the results of what was done, and the requests of the rest.
  bool GoesAgain(GatheredCall* call, typename Results::iterator first, typename Results::iterator last) {
    if (!std::exchange(call->may_go_again, false) || !call->done.has_value()) return false;
    const auto locked = [](const absl::StatusOr<Result>& result) { return IsSessionLocked(result.status()); };
    const auto rest = std::find_if(first, last, locked);
    if (rest == last || !std::all_of(rest, last, locked)) return false;
    call->requests.erase(call->requests.begin(), call->requests.begin() + (rest - first));
    std::move(first, rest, std::back_inserter(call->results));
    return true;
  }

  void Finish(Batches* among, typename Batches::iterator batch, Results results) ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<Answer> answers;
    std::vector<typename Batches::iterator> again;
    {
      const absl::MutexLock lock(&mutex_);
      auto next = results.begin();
      for (auto following = batch->begin(); following != batch->end();) {
        const auto call = following++;
        const auto first = next;
        next += static_cast<std::ptrdiff_t>(call->members - call->results.size());
        if (GoesAgain(&*call, first, next)) {
          again.push_back(apart_.emplace(apart_.end()));
          again.back()->splice(again.back()->end(), *batch, call);
          continue;
        }
        ends_.erase(call->end);
        GiveBack(&*call);
        if (!call->done.has_value()) continue;
        std::move(first, next, std::back_inserter(call->results));
        answers.push_back({*std::move(call->done), std::move(call->results)});
      }
      among->erase(batch);
      ++answering_;
      // The store gets its next work before the callers get their answers.
      Drive();
    }
    for (Answer& answer : answers) std::move(answer.done)(std::move(answer.results));
    for (const auto& alone : again) {
      GatheredCall& call = alone->front();
      std::vector<Request> requests = std::move(call.requests);
      Begin(&apart_, alone, std::move(requests), call.deadline);
    }
    const absl::MutexLock lock(&mutex_);
    --answering_;
  }

  // Ends the first call, if its time has come: others are then called for at once.
  void EndOverdue() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::optional<Answer> answer;
    {
      const absl::MutexLock lock(&mutex_);
      if (!ends_.empty() && ends_.begin()->first <= absl::Now()) {
        answer = EndFirst();
        Drive();
      }
      first_end_.Set(ends_.empty() ? absl::InfiniteFuture() : ends_.begin()->first);
    }
    if (answer.has_value()) std::move(answer->done)(std::move(answer->results));
  }

  // The nearest end has come: that of the hold, or that of the call.
  std::optional<Answer> EndFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    GatheredCall* const call = ends_.begin()->second;
    ends_.erase(ends_.begin());
    if (!call->sent && call->deadline > absl::Now()) {
      call->pressing = true;
      SetEnd(call, call->deadline);
      if (call->waits_for == 0) ready_.splice(ready_.begin(), ready_, call->where);
      return std::nullopt;
    }
    if (!call->done.has_value()) return std::nullopt;
    const absl::Status status = call->sent ? DeadlinePassedAtWork() : DeadlinePassedInQueue();
    Answer answer{*std::move(call->done), call->results};
    answer.results.resize(call->members, status);
    call->done.reset();
    if (call->sent) {
      call->end = ends_.emplace(absl::InfiniteFuture(), call);
    } else {
      const bool had_turn = call->waits_for == 0;
      GiveBack(call);
      (had_turn ? ready_ : blocked_).erase(call->where);
    }
    return answer;
  }

  const GatheringLimits limits_;
  const Order order_;
  const Measure measure_;
  GatherCounts& counts_;
  const Send send_;

  absl::Mutex mutex_;
  SessionTurns turns_ ABSL_GUARDED_BY(mutex_);
  // Calls whose turn has not come yet.
  GatheredCalls blocked_ ABSL_GUARDED_BY(mutex_);
  GatheredCalls ready_ ABSL_GUARDED_BY(mutex_);
  Batches under_way_ ABSL_GUARDED_BY(mutex_);
  // Calls that go again, each by itself.
  Batches apart_ ABSL_GUARDED_BY(mutex_);
  // Each call that is not done has one.
  Ends ends_ ABSL_GUARDED_BY(mutex_);
  bool driving_ ABSL_GUARDED_BY(mutex_) = false;
  // Batches whose callers are being told.
  int answering_ ABSL_GUARDED_BY(mutex_) = 0;
  // Set to the first of `ends_`, or earlier. Destroyed first, as its callback uses the others.
  DeadlineTimer::Deadline first_end_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_GATHERER_H_
