#include "server/rpc/snapshot_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// A stream that loads a session.
class Stream {
 public:
  Stream(SnapshotSlots* slots, std::string caller) : claim_(slots, std::move(caller), [this] { given_up_.Notify(); }) {}
  ~Stream() {
    claim_.Cancel();
    if (awaits_) answered_.WaitForNotification();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void Await(absl::Time deadline = absl::InfiniteFuture()) {
    awaits_ = true;
    claim_.Await(deadline, [this](absl::Status status) {
      status_ = std::move(status);
      answered_.Notify();
    });
  }
  SnapshotSlots::Claim& claim() { return claim_; }

  bool answered() const { return answered_.HasBeenNotified(); }
  bool has_slot() const { return answered_.WaitForNotificationWithTimeout(kPatience) && status_.ok(); }
  const absl::Status& AwaitAnswer() {
    answered_.WaitForNotification();
    return status_;
  }
  bool given_up() const { return given_up_.HasBeenNotified(); }
  void AwaitGivenUp() { given_up_.WaitForNotification(); }

 private:
  bool awaits_ = false;
  absl::Status status_;
  absl::Notification answered_;
  absl::Notification given_up_;
  SnapshotSlots::Claim claim_;
};

class SnapshotSlotsTest : public testing::Test {
 protected:
  // Before the first stream.
  SnapshotSlots::Options options;
  // How many slots there are.
  std::atomic<std::size_t> number = 2;

  Stream* NewStream(const std::string& caller) {
    if (slots_ == nullptr) {
      options.slots = [this] { return number.load(); };
      slots_ = std::make_unique<SnapshotSlots>(timer_, options);
    }
    streams_.push_back(std::make_unique<Stream>(slots_.get(), caller));
    return streams_.back().get();
  }
  Stream* NewWaiting(const std::string& caller, absl::Time deadline = absl::InfiniteFuture()) {
    Stream* const stream = NewStream(caller);
    stream->Await(deadline);
    return stream;
  }
  // A stream that has a slot.
  Stream* NewHolder(const std::string& caller) {
    Stream* const stream = NewWaiting(caller);
    EXPECT_TRUE(stream->has_slot());
    return stream;
  }
  // Returns once everything that is overdue has been ended.
  void AwaitTheTimer() { NewWaiting("timer", absl::InfinitePast())->AwaitAnswer(); }

 private:
  storage::DeadlineTimer timer_;
  std::unique_ptr<SnapshotSlots> slots_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

TEST_F(SnapshotSlotsTest, OneCallerMayHaveAllWhileNobodyElseWantsOne) {
  NewHolder("a");
  NewHolder("a");
  EXPECT_FALSE(NewWaiting("a")->answered());
}

TEST_F(SnapshotSlotsTest, WhoHasWaitedLongestIsNext) {
  number = 1;
  Stream* const holder = NewHolder("a");
  Stream* const first = NewWaiting("b");
  Stream* const second = NewWaiting("a");
  Stream* const third = NewWaiting("b");
  holder->claim().Release();
  EXPECT_TRUE(first->has_slot());
  first->claim().Release();
  EXPECT_TRUE(second->has_slot());
  EXPECT_FALSE(third->answered());
  second->claim().Release();
  EXPECT_TRUE(third->has_slot());
}

TEST_F(SnapshotSlotsTest, AFreeSlotGoesToTheCallerWhoHasTheFewest) {
  Stream* const holder = NewHolder("a");
  NewHolder("a");
  Stream* const longer = NewWaiting("a");
  Stream* const other = NewWaiting("b");
  holder->claim().Release();
  EXPECT_TRUE(other->has_slot());
  EXPECT_FALSE(longer->answered());
  // Now both have one.
  Stream* const latest = NewWaiting("b");
  other->claim().Release();
  EXPECT_TRUE(latest->has_slot());
  latest->claim().Release();
  EXPECT_TRUE(longer->has_slot());
}

TEST_F(SnapshotSlotsTest, WhoIsCancelledWaitsNoLonger) {
  number = 1;
  options.max_waiting_of_caller = 1;
  Stream* const holder = NewHolder("a");
  Stream* const cancelled = NewWaiting("a");
  cancelled->claim().Cancel();
  ASSERT_TRUE(cancelled->answered());
  EXPECT_TRUE(absl::IsCancelled(cancelled->AwaitAnswer())) << cancelled->AwaitAnswer();
  Stream* const waiting = NewWaiting("a");
  EXPECT_FALSE(waiting->answered());
  holder->claim().Release();
  EXPECT_TRUE(waiting->has_slot());
  // It has its slot, and has to give that back.
  waiting->claim().Cancel();
  EXPECT_FALSE(NewWaiting("a")->answered());
}

TEST_F(SnapshotSlotsTest, TheDeadlineEndsTheWait) {
  number = 0;
  const absl::Status& status = NewWaiting("a", absl::InfinitePast())->AwaitAnswer();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(storage::ReasonOf(status), storage::kDeadlinePassed);
}

TEST_F(SnapshotSlotsTest, OfOneCallerOnlySoManyWait) {
  number = 1;
  options.max_waiting_of_caller = 2;
  NewHolder("a");
  EXPECT_FALSE(NewWaiting("a")->answered());
  EXPECT_FALSE(NewWaiting("a")->answered());
  Stream* const refused = NewWaiting("a");
  ASSERT_TRUE(refused->answered());
  EXPECT_TRUE(absl::IsResourceExhausted(refused->AwaitAnswer()));
  EXPECT_EQ(storage::ReasonOf(refused->AwaitAnswer()), "OVERLOADED");
  EXPECT_TRUE(storage::RetryDelayOf(refused->AwaitAnswer()).has_value());
  EXPECT_FALSE(NewWaiting("b")->answered());
}

TEST_F(SnapshotSlotsTest, APageThatLiesForTooLongIsGivenUp) {
  options.patience = absl::ZeroDuration();
  Stream* const stream = NewHolder("a");
  AwaitTheTimer();
  EXPECT_FALSE(stream->given_up());
  stream->claim().PageSent(1);
  stream->AwaitGivenUp();
  const absl::Status status = stream->claim().PageTaken();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(SnapshotSlotsTest, WhoDoesNotReadGivesWayToWhoHasFewer) {
  number = 3;
  options.contended_patience = absl::ZeroDuration();
  options.stall = absl::InfiniteDuration();
  Stream* const reading = NewHolder("a");
  Stream* const lying = NewHolder("a");
  Stream* const other = NewHolder("b");
  lying->claim().PageSent(0);
  other->claim().PageSent(0);
  NewWaiting("a");
  AwaitTheTimer();
  EXPECT_FALSE(lying->given_up());
  Stream* const waiting = NewWaiting("c");
  lying->AwaitGivenUp();
  AwaitTheTimer();
  // One slot is enough.
  EXPECT_FALSE(other->given_up());
  EXPECT_FALSE(reading->given_up());
  const absl::Status status = lying->claim().PageTaken();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  lying->claim().Release();
  EXPECT_TRUE(waiting->has_slot());
}

TEST_F(SnapshotSlotsTest, WhoWasGivenUpComesAfterOthers) {
  number = 1;
  options.contended_patience = absl::ZeroDuration();
  Stream* const lying = NewHolder("a");
  Stream* const waits_longest = NewWaiting("a");
  lying->claim().PageSent(0);
  Stream* const other = NewWaiting("b");
  lying->AwaitGivenUp();
  Stream* const latest = NewWaiting("c");
  EXPECT_FALSE(lying->claim().PageTaken().ok());
  lying->claim().Release();
  EXPECT_TRUE(other->has_slot());
  other->claim().Release();
  EXPECT_TRUE(latest->has_slot());
  latest->claim().Release();
  EXPECT_TRUE(waits_longest->has_slot());
  // All is forgotten of a caller who wants nothing any more.
  waits_longest->claim().Release();
  Stream* const again = NewHolder("b");
  Stream* const first = NewWaiting("a");
  NewWaiting("c");
  again->claim().Release();
  EXPECT_TRUE(first->has_slot());
}

TEST_F(SnapshotSlotsTest, TimeThatAPageDidNotNeedIsNotSavedUp) {
  number = 1;
  options.contended_patience = absl::ZeroDuration();
  Stream* const lying = NewHolder("a");
  lying->claim().PageSent(std::size_t{1} << 40);
  EXPECT_TRUE(lying->claim().PageTaken().ok());
  lying->claim().PageSent(0);
  NewWaiting("b");
  lying->AwaitGivenUp();
}

TEST_F(SnapshotSlotsTest, LargePagesMayLieForLonger) {
  number = 1;
  options.contended_patience = absl::ZeroDuration();
  Stream* const reader = NewHolder("a");
  reader->claim().PageSent(std::size_t{1} << 40);
  NewWaiting("b");
  AwaitTheTimer();
  EXPECT_FALSE(reader->given_up());
  EXPECT_TRUE(reader->claim().PageTaken().ok());
}

TEST_F(SnapshotSlotsTest, TheLastSlotIsKeptFromWhoDoesNotRead) {
  options.stall = absl::ZeroDuration();
  Stream* const lying = NewHolder("a");
  lying->claim().PageSent(1);
  Stream* const waiting = NewWaiting("a");
  EXPECT_FALSE(waiting->answered());
  Stream* const other = NewWaiting("b");
  EXPECT_TRUE(other->has_slot());
  other->claim().Release();
  EXPECT_FALSE(waiting->answered());
  EXPECT_TRUE(lying->claim().PageTaken().ok());
  EXPECT_TRUE(waiting->has_slot());
}

TEST_F(SnapshotSlotsTest, TheLastSlotIsKeptFromWhoWasGivenUp) {
  options.patience = absl::ZeroDuration();
  Stream* const lying = NewHolder("a");
  NewHolder("a");
  Stream* const waiting = NewWaiting("a");
  lying->claim().PageSent(0);
  lying->AwaitGivenUp();
  EXPECT_FALSE(lying->claim().PageTaken().ok());
  lying->claim().Release();
  EXPECT_FALSE(waiting->answered());
  EXPECT_TRUE(NewWaiting("b")->has_slot());
}

TEST_F(SnapshotSlotsTest, TheNumberOfSlotsMayChange) {
  NewHolder("a");
  number = 1;
  Stream* const waiting = NewWaiting("b");
  EXPECT_FALSE(waiting->answered());
  number = 3;
  EXPECT_TRUE(NewWaiting("c")->has_slot());
  EXPECT_TRUE(waiting->has_slot());
}

// A stream whose snapshot cannot be opened gives its slot back at once.
TEST_F(SnapshotSlotsTest, AnswersThatLeadToOthersDoNotNest) {
  number = 1;
  options.max_waiting_of_caller = 1'000;
  Stream* const holder = NewHolder("a");
  int depth = 0;
  int deepest = 0;
  int answered = 0;
  for (int i = 0; i < 1'000; ++i) {
    SnapshotSlots::Claim* const claim = &NewStream("a")->claim();
    claim->Await(absl::InfiniteFuture(), [&, claim](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      deepest = std::max(deepest, ++depth);
      ++answered;
      claim->Release();
      --depth;
    });
  }
  holder->claim().Release();
  EXPECT_EQ(answered, 1'000);
  EXPECT_EQ(deepest, 1);
}

}  // namespace
}  // namespace authstate::server
