#include "server/access/access_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/logging.h"
#include "storage/await_call.h"

namespace authstate::server {
namespace {

// For one answer of the store.
constexpr absl::Duration kPatience = absl::Seconds(5);

// Tells stores apart that this server could serve from.
std::string StoreOf(const storage::Backend& backend) {
  const storage::Description description = backend.Describe();
  return absl::StrCat(description.name, " ", description.location);
}

}  // namespace

AccessWatch::AccessWatch(storage::Backend* backend, storage::DeadlineTimer& timer, Options options)
    : backend_(backend), options_(std::move(options)), noted_(options_.clock()), next_(timer, [this] { Ask(); }) {
  current_.list = std::make_shared<AccessList>();
}

absl::StatusOr<std::unique_ptr<AccessWatch>> AccessWatch::Create(storage::Backend* backend,
                                                                 storage::DeadlineTimer& timer, Options options) {
  std::unique_ptr<AccessWatch> watch(new AccessWatch(backend, timer, std::move(options)));
  const std::string store = StoreOf(*backend);
  absl::Status taken =
      watch->Take(store, storage::AwaitCall<absl::StatusOr<storage::GrantResult>>(
                             [backend](auto done) { backend->Grants({}, absl::Now() + kPatience, std::move(done)); }));
  if (!taken.ok()) return taken;
  return watch;
}

AccessWatch::~AccessWatch() { Stop(); }

void AccessWatch::Start(std::function<void()> asked) {
  {
    const absl::MutexLock lock(&mutex_);
    tell_asked_ = std::move(asked);
  }
  next_.Set(absl::Now() + options_.interval);
}

void AccessWatch::Stop() {
  const auto at_rest = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !asking_ && !noting_; };
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
    mutex_.Await(absl::Condition(&at_rest));
  }
  next_.Set(absl::InfiniteFuture());
}

void AccessWatch::Refresh(Done done) {
  {
    const absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      waiting_.push_back(std::move(done));
      ask_again_ = asking_;
      done = nullptr;
    }
  }
  if (done != nullptr) return std::move(done)();
  Ask();
}

AccessWatch::Current AccessWatch::current() const {
  const absl::MutexLock lock(&mutex_);
  return current_;
}

void AccessWatch::Ask() {
  const std::string store = StoreOf(*backend_);
  storage::GrantRequest request;
  {
    const absl::MutexLock lock(&mutex_);
    if (asking_ || stopped_) return;
    asking_ = true;
    asked_for_ = std::exchange(waiting_, {});
    if (store == store_) request.known_version = current_.list->version();
  }
  backend_->Grants(std::move(request), absl::Now() + kPatience,
                   [this, store](absl::StatusOr<storage::GrantResult> answer) { OnAnswer(store, std::move(answer)); });
}

void AccessWatch::OnAnswer(const std::string& store, absl::StatusOr<storage::GrantResult> answer) {
  const bool switched = store != StoreOf(*backend_);
  // What was answered may be of either store.
  const absl::Status taken = switched ? absl::OkStatus() : Take(store, std::move(answer));
  std::function<void()> tell_asked;
  std::vector<Done> asked_for;
  absl::Status before;
  {
    const absl::MutexLock lock(&mutex_);
    before = std::exchange(asked_, taken);
    tell_asked = tell_asked_;
    asked_for = std::exchange(asked_for_, {});
  }
  if (before.ok() && !taken.ok()) {
    Log(LogLevel::kWarn, "who may do what cannot be read; what was read last stays in force",
        {{"error", std::string(taken.message())}});
  }
  if (!before.ok() && taken.ok()) Log(LogLevel::kInfo, "who may do what can be read again");
  for (Done& done : asked_for) std::move(done)();
  if (tell_asked) tell_asked();
  NoteUses();
  // From the end of this on, Stop goes on, and this may be gone.
  const absl::MutexLock lock(&mutex_);
  const bool at_once = std::exchange(ask_again_, false) || switched;
  if (!stopped_) next_.Set(at_once ? absl::Now() : absl::Now() + options_.interval);
  asking_ = false;
}

absl::Status AccessWatch::Take(const std::string& store, absl::StatusOr<storage::GrantResult> answer) {
  if (!answer.ok()) return answer.status();
  database_ahead_ns_.store(absl::ToInt64Nanoseconds(answer->now - options_.clock()));
  Current before;
  Current after;
  {
    const absl::MutexLock lock(&mutex_);
    // A store that never had a grant answers with its list of none each time.
    const bool same = !answer->grants.has_value() || answer->version == current_.list->version();
    if (store == store_ && same) return absl::OkStatus();
    if (!answer->grants.has_value()) answer->grants.emplace();
    CollectUses();
    if (store != store_) uses_.clear();
    store_ = store;
    after.list = std::make_shared<AccessList>(answer->version, *std::move(answer->grants));
    ever_granted_ = ever_granted_ || after.list->version() > 0;
    after.open = options_.may_be_open && !ever_granted_;
    after.generation = current_.generation + 1;
    before = std::exchange(current_, after);
    generation_.store(after.generation, std::memory_order_release);
  }
  if (before.generation > 0) {
    Log(LogLevel::kInfo,
        before.open && !after.open ? "somebody was given rights: every caller has to show a token or certificate now"
                                   : "who may do what has changed",
        {{"grants", absl::StrCat(after.list->size())}, {"store", store}});
  }
  return absl::OkStatus();
}

void AccessWatch::CollectUses() {
  const absl::Time now = options_.clock();
  for (std::string& id : current_.list->TakeUsed()) uses_[std::move(id)] = now;
}

void AccessWatch::NoteUses() {
  storage::GrantRequest request;
  request.action = storage::GrantRequest::Action::kNoteUses;
  {
    const absl::MutexLock lock(&mutex_);
    CollectUses();
    const absl::Time now = options_.clock();
    if (noting_ || uses_.empty() || now - noted_ < options_.note_interval) return;
    noting_ = true;
    noted_ = now;
    for (const auto& [id, time] : uses_) request.uses.emplace_back(id, now - time);
    uses_.clear();
  }
  // What the store does not take of it is lost: the next use comes soon, or the one before is as good.
  backend_->Grants(std::move(request), absl::Now() + kPatience, [this](const auto& /*answer*/) {
    const absl::MutexLock lock(&mutex_);
    noting_ = false;
  });
}

}  // namespace authstate::server
