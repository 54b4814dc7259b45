#ifndef AUTHSTATE_STORAGE_DECORATORS_MAINTENANCE_GATE_H_
#define AUTHSTATE_STORAGE_DECORATORS_MAINTENANCE_GATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
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
#include "storage/decorators/call_gate.h"
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
// `trust`, counted from when it asked, and writes nothing on older knowledge: it asks first. So once maintenance has
// been in the store for that long, no gate begins a write but such as are allowed. It asks at every interval, so that a
// write seldom waits for that.
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
    absl::Duration trust = absl::Seconds(3);
    // Called, with no lock held, when maintenance has begun, has become another, or has ended (nullopt). Null: nobody
    // asks.
    std::function<void(const std::optional<Maintenance>&)> on_change;
    // A clock that nobody sets.
    std::function<absl::Duration()> uptime = SteadyUptime;
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
  using MaintenancePtr = std::shared_ptr<const Maintenance>;
  // A write, from when it came until it is let in or refused, one of which happens once.
  struct Write : std::enable_shared_from_this<Write> {
    absl::Time deadline;
    // Whether it may wait for the end of maintenance, as no other waits behind it.
    bool waits = true;
    // Until when it does, once that is known.
    std::optional<absl::Time> held_until;
    absl::AnyInvocable<void()> let_in;
    absl::AnyInvocable<void(absl::Status)> refuse;
    // What is done of it in maintenance, in place of holding or refusing it. Null: nothing.
    absl::AnyInvocable<void(const MaintenancePtr&)> during;
  };
  using WritePtr = std::shared_ptr<Write>;
  struct Held {
    WritePtr write;
    // Whether it waits to hear whether there is maintenance, not for the end of one.
    bool to_hear = false;
  };
  using HeldWrites = std::multimap<absl::Time, Held>;
  struct ApplyCall;
  struct LeaseCall;

  static absl::Duration SteadyUptime();

  // Whether a write may begin now; then it is inside of `writes_`.
  bool Enter();
  bool Trusted() const { return options_.uptime() < absl::Nanoseconds(trusted_until_ns_.load()); }
  void Begin(const WritePtr& write);
  // In maintenance: holds it, or refuses it.
  void HoldOrRefuse(const WritePtr& write, const MaintenancePtr& maintenance);
  void Hold(absl::Time until, Held held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refusal(const Maintenance& maintenance);
  // `done`, after the write has left the gate.
  template <typename Done>
  auto Leaving(Done done);
  // A call that is one write as a whole.
  template <typename Request, typename Done>
  void BeginWhole(Request request, absl::Time deadline, bool waits, Done done,
                  void (Backend::*method)(Request, absl::Time, Done));

  void ApplyDuring(const std::shared_ptr<ApplyCall>& call, const WritePtr& write, const MaintenancePtr& maintenance);
  void LeasesDuring(const std::shared_ptr<LeaseCall>& call, const MaintenancePtr& maintenance);
  void LeaseDuring(const std::shared_ptr<LeaseCall>& call, const WritePtr& write, const MaintenancePtr& maintenance);

  // Asks the store for what waits to hear, or as it is time, unless that is under way.
  void Ask();
  void OnAnswer(const absl::Status& status, bool taken);
  // Asks the store; `taken`: what it has said counts.
  using GetDone = absl::AnyInvocable<void(absl::StatusOr<GrantResult> answer, bool taken) &&>;
  void Get(absl::Time deadline, GetDone done);
  bool Take(const std::string& store, std::uint64_t changes, absl::Duration asked_at, const GrantResult& answer);
  // Begins or ends maintenance, by word of the store's answer.
  void Change(GrantRequest request, absl::Time deadline, GrantsDone done);
  // Takes what the store said when it was asked at `asked_at`.
  void Learn(const std::string& store, absl::Duration asked_at, const GrantResult& answer);
  void Expire();

  const Options options_;
  // Open while the last answer was that there is no maintenance.
  CallGate writes_;
  // By uptime, in nanoseconds: until when that answer is trusted.
  std::atomic<std::int64_t> trusted_until_ns_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;

  mutable absl::Mutex mutex_;
  // Null: there is none; before the first answer that is not known, and the gate is shut.
  MaintenancePtr maintenance_ ABSL_GUARDED_BY(mutex_);
  // The store that has said so; empty: not known.
  std::string store_ ABSL_GUARDED_BY(mutex_);
  absl::Duration database_ahead_ ABSL_GUARDED_BY(mutex_);
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
