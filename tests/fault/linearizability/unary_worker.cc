#include "tests/fault/linearizability/unary_worker.h"

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kLongestPause = absl::Milliseconds(12);
// How many of a hundred who are told that another server has the session at home go there.
constexpr int kFollows = 30;
constexpr absl::Duration kBetweenProbes = absl::Milliseconds(25);

}  // namespace

UnaryWorker::UnaryWorker(int number, const std::string& session, std::uint64_t seed, RoundContext* context)
    : number_(number), context_(context), random_(seed), client_(number, session, context) {}

void UnaryWorker::Run() {
  while (!context_->stop.HasBeenNotified()) {
    const absl::Status status = Step();
    if (client::ReasonOf(status) == "STALE_FENCE" && fence_ != 0) {
      lost_fence_ = fence_;
      fence_ = 0;
    } else if (IsElsewhere(status) && Roll() < kFollows) {
      client_.MoveOn();
    } else if (!status.ok() && !absl::IsFailedPrecondition(status) && !absl::IsNotFound(status)) {
      AwaitServer();
    }
    context_->Linger(kLongestPause * (Roll() / 100.0));
  }
}

absl::Status UnaryWorker::Step() {
  const int roll = Roll();
  if (roll < 5) return client_.GetLease();
  if (roll < 10) return client_.Load();
  if (roll < 14 && lost_fence_ != 0) {
    // The late writer: what it says must not cost it what it has now.
    (void)client_.Commit(lost_fence_, NextValue(), random_);
    return absl::OkStatus();
  }
  return fence_ != 0 ? StepAsOwner() : StepAsOther();
}

absl::Status UnaryWorker::StepAsOwner() {
  const int roll = Roll();
  if (roll < 60) return client_.Commit(fence_, NextValue(), random_);
  if (roll < 80) return client_.ReadKeys(fence_);
  if (roll < 93) return client_.Renew(fence_);
  if (roll < 95) {
    // The zombie: it sleeps for longer than its lease lives, and wakes up as if nothing had happened.
    context_->Linger(context_->ttl * 1.2);
    return client_.Commit(fence_, NextValue(), random_);
  }
  const std::uint64_t fence = fence_;
  lost_fence_ = fence_;
  fence_ = 0;
  return client_.Release(fence);
}

absl::Status UnaryWorker::StepAsOther() {
  const int roll = Roll();
  if (roll < 12) return client_.ReadKeys(0);
  if (roll < 20) return client_.Commit(0, NextValue(), random_);
  if (roll < 21) return client_.Delete();
  return Acquire();
}

absl::Status UnaryWorker::Acquire() {
  // A new name for every try, as for every start of a process: one that is in doubt is not taken up again.
  const std::string owner = absl::StrCat("client", number_, ".", ++lives_);
  const auto fence = client_.Acquire(owner, /*steal=*/Roll() < context_->steals);
  if (fence.ok()) fence_ = *fence;
  return fence.status();
}

std::string UnaryWorker::NextValue() { return absl::StrCat(number_, ".", ++values_); }

int UnaryWorker::Roll() { return std::uniform_int_distribution<int>(0, 99)(random_); }

void UnaryWorker::AwaitServer() {
  do {
    client_.MoveOn();
    context_->Linger(kBetweenProbes);
  } while (!context_->stop.HasBeenNotified() && !client_.GetLease().ok());
}

}  // namespace authstate::test
