// What a MaintenanceGate hears from the store, and what it does about that.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/decorators/maintenance_gate.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using Action = GrantRequest::Action;

// How long after an answer that was none the store is asked again.
constexpr absl::Duration kAskAgain = absl::Milliseconds(100);

// Tells stores apart that this process could serve from; empty: it is not known which it is.
std::string StoreOf(const Backend& backend) {
  const Description description = backend.Describe();
  return description.location.empty() ? "" : absl::StrCat(description.name, " ", description.location);
}

}  // namespace

void MaintenanceGate::Get(absl::Time deadline, GetDone done) {
  std::uint64_t changes = 0;
  {
    const absl::MutexLock lock(&mutex_);
    changes = changes_;
  }
  GrantRequest get;
  get.action = Action::kGetMaintenance;
  inner().Grants(std::move(get), deadline,
                 [this, store = StoreOf(inner()), changes, asked_at = known_.Now(),
                  done = std::move(done)](absl::StatusOr<GrantResult> answer) mutable {
                   const bool taken = !answer.ok() || Take(store, changes, asked_at, *answer);
                   std::move(done)(std::move(answer), taken);
                 });
}

bool MaintenanceGate::Take(const std::string& store, std::uint64_t changes, absl::Duration asked_at,
                           const GrantResult& answer) {
  // What was answered may be of either store, or of before a change.
  if (store != StoreOf(inner())) return false;
  GrantRequest along;
  {
    const absl::MutexLock lock(&mutex_);
    if (changes != changes_) return false;
    const bool became_another = !known_.store().empty() && !store.empty() && store != known_.store();
    if (became_another && known_.present() != nullptr && !answer.maintenance.has_value()) {
      along.action = Action::kBeginMaintenance;
      // With when it began, as leases that came along ended since then.
      along.maintenance = *known_.present();
    }
  }
  if (along.action == Action::kBeginMaintenance) {
    Change(std::move(along), absl::Now() + options_.trust, [](const auto& /*answer*/) {});
  } else {
    Learn(store, asked_at, answer, /*changed=*/false);
  }
  return true;
}

void MaintenanceGate::Ask() {
  {
    const absl::MutexLock lock(&mutex_);
    if (asking_ || closed_) return;
    asking_ = true;
  }
  Get(absl::Now() + options_.trust,
      [this](const absl::StatusOr<GrantResult>& answer, bool taken) { OnAnswer(answer.status(), taken); });
}

void MaintenanceGate::OnAnswer(const absl::Status& status, bool taken) {
  std::vector<GatedWritePtr> unheard;
  // That it was late may be one connection's fault, so then they wait on.
  if (!status.ok() && !absl::IsDeadlineExceeded(status)) {
    const absl::MutexLock lock(&mutex_);
    unheard = held_.Take(HeldWrites::For::kToHear);
  }
  for (const GatedWritePtr& write : unheard) write->refuse(WithOutcome(status, Outcome::kNotApplied));
  const absl::MutexLock lock(&mutex_);
  // From the end of this on the gate may be gone.
  asking_ = false;
  if (closed_) return;
  if (!taken || held_.AnyToHear()) {
    next_ask_->Set(absl::Now() + (status.ok() ? absl::ZeroDuration() : kAskAgain));
  } else if (options_.interval < absl::InfiniteDuration()) {
    next_ask_->Set(absl::Now() + options_.interval);
  }
}

void MaintenanceGate::Change(GrantRequest request, absl::Time deadline, GrantsDone done) {
  {
    const absl::MutexLock lock(&mutex_);
    ++changes_;
  }
  inner().Grants(std::move(request), deadline,
                 [this, store = StoreOf(inner()), asked_at = known_.Now(),
                  done = std::move(done)](absl::StatusOr<GrantResult> answer) mutable {
                   {
                     const absl::MutexLock lock(&mutex_);
                     ++changes_;
                   }
                   if (answer.ok()) Learn(store, asked_at, *answer, /*changed=*/true);
                   std::move(done)(std::move(answer));
                 });
}

void MaintenanceGate::Learn(const std::string& store, absl::Duration asked_at, const GrantResult& answer,
                            bool changed) {
  bool is_news = false;
  std::vector<GatedWritePtr> go_on;
  {
    const absl::MutexLock lock(&mutex_);
    if (closed_) return;
    is_news = known_.Learn(store, asked_at, answer.maintenance);
    if (changed) known_.SettleAnew();
    if (is_news) writes_->ChangeTerms();
    if (known_.present() != nullptr) {
      writes_->Shut();
    } else {
      writes_->Open();
    }
    go_on = is_news ? held_.TakeAll() : held_.Take(HeldWrites::For::kToHear);
  }
  if (is_news && options_.on_change != nullptr) options_.on_change(answer.maintenance);
  for (const GatedWritePtr& write : go_on) Begin(write);
}

}  // namespace authstate::storage
