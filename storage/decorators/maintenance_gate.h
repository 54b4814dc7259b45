#ifndef AUTHSTATE_STORAGE_DECORATORS_MAINTENANCE_GATE_H_
#define AUTHSTATE_STORAGE_DECORATORS_MAINTENANCE_GATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"
#include "storage/decorators/held_writes.h"
#include "storage/decorators/known_maintenance.h"
#include "storage/decorators/split_call.h"
#include "storage/decorators/writes_inside.h"
#include "storage/forwarding_backend.h"
#include "storage/maintenance_state.h"

namespace authstate::storage {

// A Backend that writes nothing while the store says that there is maintenance. Reads go on. So does what keeps a lease
// its owner's, without a write: a renewal, or to acquire what one has already, is answered from a read, with the time
// that is left when maintenance ends (storage/lease.h). A write that stands for itself waits as long as the maintenance
// says, and is then refused (UnderMaintenance). One that others wait behind is refused at once: it comes in a batch of
// a pipe, where a renewal of its session may be next. Sessions that are allowed are written; so is a grant that is
// revoked, and the maintenance itself.
//
// Any number of gates may stand over one store, each in a process of its own. What the store has said a gate trusts for
// `trust`, counted from when it asked, and lets nothing in on older knowledge, nor anything that is allowed: it asks
// first. So once maintenance has been in the store for that long, no gate lets a write in but such as are allowed. It
// asks at every interval, so that a write seldom waits for that. While an answer does not come, writes wait for it for
// up to `hears_for`; when the store cannot be asked, they are refused for that reason.
//
// What was let in may still be on its way, in a queue for a connection or behind a lock: State() counts it.
//
// Maintenance goes along when the store becomes another one, as in a switch: there it is begun as well.
//
// Thread-safe. No lock is held during a call; to pass the open gate costs two atomic operations, a look at the clock
// and one allocation.
class MaintenanceGate final : public ForwardingBackend {
 public:
  struct Options {
    // Outlives the gate. Not null.
    std::shared_ptr<DeadlineTimer> timer;
    // Whether leases go on as ever: what is below does not write them to the store, or not without another gate.
    bool passes_leases = false;
    // Whether calls that may wait do; else all are refused at once.
    bool holds = true;
    // How often the store is asked; InfiniteDuration: only before a write.
    absl::Duration interval = absl::Seconds(1);
    absl::Duration trust = kMaintenanceTrust;
    absl::Duration hears_for = absl::Seconds(10);
    // What waits. Whatever has no room is refused at once.
    HeldWrites::Limits held;
    // Called, with no lock held, when maintenance has begun, has become another, or has ended (nullopt). Null: nobody
    // asks.
    std::function<void(const std::optional<Maintenance>&)> on_change;
    // Counts what this gate alone lets in, for whoever wants to know. Null: nobody does.
    std::shared_ptr<WritesInside> writes;
    // How many writes are under way behind a gate further on, to be counted with those of this one. Null: there is
    // none.
    std::function<std::uint64_t()> under_way_behind;
    std::function<absl::Duration()> uptime = UptimeWithSleep;
  };

  MaintenanceGate(std::unique_ptr<Backend> inner, Options options);
  // Refuses what it holds.
  ~MaintenanceGate() override;
  MaintenanceGate(const MaintenanceGate&) = delete;
  MaintenanceGate& operator=(const MaintenanceGate&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override;
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override;
  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override;
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override;

  // Asks no database.
  MaintenanceState State() const;

  // Refuses what waits for the end of maintenance, and from now on what would: the process stops, and its callers are
  // better off with another one.
  void StopHolding();

 private:
  struct ApplyCall;
  struct LeaseCall;

  // Whether a write may begin now; then it is inside of the writes.
  bool Enter();
  // The same for one that the maintenance allows, which leaves with what this returns.
  std::optional<std::uint64_t> EnterAllowed(const MaintenancePtr& maintenance);
  void Begin(const GatedWritePtr& write);
  // In maintenance: holds it, or refuses it.
  void HoldOrRefuse(const GatedWritePtr& write, const MaintenancePtr& maintenance);
  bool Hold(absl::Time until, HeldWrites::Held held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refusal(const Maintenance& maintenance);
  // `done`, after the write has left the gate.
  template <typename Done>
  auto Leaving(Done done);
  template <typename Done>
  auto LeavingAllowed(std::uint64_t entered, Done done);
  // A call that is one write as a whole.
  template <typename Request, typename Done>
  void BeginWhole(Request request, absl::Time deadline, bool waits, Done done,
                  void (Backend::*method)(Request, absl::Time, Done));
  // Members of a call, which have entered.
  template <typename Request, typename Result>
  void PassOn(std::uint64_t entered, Part<Request> part, const std::shared_ptr<SplitCall<Request, Result>>& split,
              void (Backend::*method)(std::vector<Request>, absl::Time, typename SplitCall<Request, Result>::Done));

  void ApplyDuring(const std::shared_ptr<ApplyCall>& call, const GatedWritePtr& write,
                   const MaintenancePtr& maintenance);
  void LeasesDuring(const std::shared_ptr<LeaseCall>& call, const GatedWritePtr& write,
                    const MaintenancePtr& maintenance);
  void LeaseDuring(const std::shared_ptr<LeaseCall>& call, const GatedWritePtr& write,
                   const MaintenancePtr& maintenance);

  // Asks the store for what waits to hear, or as it is time, unless that is under way.
  void Ask();
  void OnAnswer(const absl::Status& status, bool taken);
  // Asks the store; `taken`: what it has said counts.
  using GetDone = absl::AnyInvocable<void(absl::StatusOr<GrantResult> answer, bool taken) &&>;
  void Get(absl::Time deadline, GetDone done);
  bool Take(const std::string& store, std::uint64_t changes, absl::Duration asked_at, const GrantResult& answer);
  // Begins or ends maintenance, by word of the store's answer.
  void Change(GrantRequest request, absl::Time deadline, GrantsDone done);
  // Takes what the store said when it was asked at `asked_at`; `changed`: to a change of this gate's.
  void Learn(const std::string& store, absl::Duration asked_at, const GrantResult& answer, bool changed);
  void Expire();

  const Options options_;
  // Open while the last answer was that there is no maintenance.
  const std::shared_ptr<WritesInside> writes_;
  std::atomic<std::uint64_t> refused_ = 0;

  mutable absl::Mutex mutex_;
  // Not guarded are what it says to be thread-safe.
  KnownMaintenance known_;
  HeldWrites held_ ABSL_GUARDED_BY(mutex_);
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
  // Counts what begins and ends here of changes of the maintenance: an answer in between may be of before or after.
  std::uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool holds_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<DeadlineTimer::Deadline> next_ask_;
  std::unique_ptr<DeadlineTimer::Deadline> expire_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_MAINTENANCE_GATE_H_
