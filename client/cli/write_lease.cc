#include "client/cli/write_lease.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"
#include "client/cpp/messages/known_fields.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kLeaseHeld = "LEASE_HELD";
constexpr absl::Duration kRenewEvery = absl::Seconds(10);
constexpr absl::Duration kReleasePatience = absl::Seconds(5);
constexpr std::size_t kHostBytes = 64;

// Different for every process and every start of it, as owners have to be.
std::string NewOwner() {
  std::array<char, kHostBytes + 1> host{};
  if (gethostname(host.data(), kHostBytes) != 0) host[0] = '\0';
  std::string name = host.data();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isgraph(c) == 0; }, '_');
  absl::BitGen random;
  return absl::StrCat("authstatectl@", name, ":", getpid(), ":",
                      absl::Hex(absl::Uniform<std::uint32_t>(random), absl::kZeroPad8));
}

client::ClientOptions LeaseClientOptions(const GlobalOptions& options) {
  client::ClientOptions lease = ClientOptionsOf(options);
  lease.deadline = std::min(options.timeout, kReleasePatience);
  lease.patience = lease.deadline;
  return lease;
}

// A lease that is kept alive until it is given back. It has a client of its own, for the command's is cancelled by a
// signal.
class TakenLease {
 public:
  TakenLease(const GlobalOptions& options, std::string session_id)
      : client_(LeaseClientOptions(options)), session_id_(std::move(session_id)) {}
  TakenLease(const TakenLease&) = delete;
  TakenLease& operator=(const TakenLease&) = delete;
  ~TakenLease() {
    if (!renewing_.joinable()) return;
    {
      const absl::MutexLock lock(&mutex_);
      done_ = true;
    }
    renewing_.join();
  }

  // By a client that a signal cancels. Whatever the answer, Release has to follow.
  absl::Status Acquire(client::Client& client, const WriteOptions& options) {
    absl::Status status = AcquireAbove(client, options.steal, options.fence_above);
    // One step goes only so far, and a lease that is kept keeps its fence.
    while (status.ok() && fence_ <= options.fence_above) {
      status = client.ReleaseLease(session_id_, fence_);
      if (!status.ok()) break;
      fence_ = 0;
      status = AcquireAbove(client, options.steal, options.fence_above);
    }
    if (status.ok()) renewing_ = std::thread([this] { Renew(); });
    return status;
  }

  std::uint64_t fence() const { return fence_; }

  // OK also when somebody else has it by now.
  absl::Status Release() {
    if (fence_ == 0 && may_be_ours_) {
      const absl::StatusOr<client::Lease> lease = client_.GetLease(session_id_);
      if (!lease.ok()) return lease.status();
      if (lease->owner == owner_) fence_ = lease->fence;
    }
    if (fence_ == 0) return absl::OkStatus();
    absl::Status released = client_.ReleaseLease(session_id_, fence_);
    return absl::IsFailedPrecondition(released) ? absl::OkStatus() : released;
  }

 private:
  static constexpr std::uint64_t kMaxFenceStep = std::uint64_t{1} << 31U;

  // As far towards a fence above `fence_above` as one step goes.
  absl::Status AcquireAbove(client::Client& client, bool steal, std::uint64_t fence_above) {
    std::uint64_t before = 0;
    std::uint64_t step = 0;
    if (fence_above > 0) {
      const absl::StatusOr<client::Lease> found = client.GetLease(session_id_);
      if (!found.ok()) return found.status();
      before = found->fence;
      if (before <= fence_above) step = std::min(fence_above - before + 1, kMaxFenceStep);
    }
    const absl::StatusOr<client::Lease> lease = client.AcquireLease(session_id_, owner_, kTakenLease, steal, step);
    if (!lease.ok()) {
      may_be_ours_ = client::OutcomeOf(lease.status()) == client::Outcome::kUnknown;
      return lease.status();
    }
    fence_ = lease->fence;
    return fence_ >= before + step ? absl::OkStatus() : client::ServerTooOld("", {"fence_step"});
  }

  void Renew() {
    const absl::MutexLock lock(&mutex_);
    while (!mutex_.AwaitWithTimeout(absl::Condition(&done_), kRenewEvery)) {
      mutex_.Unlock();
      // One that fails is tried again at the next beat. One that was refused is lost, as the next write will find.
      (void)client_.RenewLease(session_id_, fence_, kTakenLease);
      mutex_.Lock();
    }
  }

  client::Client client_;
  const std::string session_id_;
  const std::string owner_ = NewOwner();
  // Set before `renewing_` begins.
  std::uint64_t fence_ = 0;
  bool may_be_ours_ = false;
  absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread renewing_;
};

// A refusal for somebody's lease, with the way past it.
absl::Status WithWayPast(const absl::Status& status, const WriteOptions& options) {
  if (client::ReasonOf(status) != kLeaseHeld) return status;
  return WithMessage(
      status, absl::StrCat(status.message(), options.take_lease
                                                 ? "; --steal takes it also from an owner that is alive"
                                                 : "; stop it, or go past it: --take-lease --steal takes the lease "
                                                   "for this command, --fence N writes under one that you hold"));
}

}  // namespace

absl::Status WriteUnderWatch(CommandContext& context, const std::string& session_id, const WriteOptions& options,
                             Write write) {
  if (!options.take_lease) return WithWayPast(write(options.fence), options);
  TakenLease lease(context.options(), session_id);
  const absl::Status acquired = lease.Acquire(context.client(), options);
  absl::Status status = acquired.ok() ? write(lease.fence()) : WithWayPast(acquired, options);
  const absl::Status released = lease.Release();
  if (!released.ok()) {
    context.output().Warn(absl::StrCat("the lease of session ", session_id, " could not be given back (",
                                       released.message(), "); it ends by itself within ",
                                       absl::FormatDuration(kTakenLease)));
  }
  return status;
}

absl::Status WriteUnder(CommandContext& context, const std::string& session_id, const WriteOptions& options,
                        Write write) {
  if (!options.take_lease) return WriteUnderWatch(context, session_id, options, write);
  SignalWatcher signals;
  context.client(signals);
  return WriteUnderWatch(context, session_id, options, write);
}

}  // namespace authstate::cli
