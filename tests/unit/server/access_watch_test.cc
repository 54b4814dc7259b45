#include "server/access/access_watch.h"

#include "absl/synchronization/notification.h"
#include "server/access/grant_changes.h"
#include "tests/unit/server/access_test.h"

namespace authstate::server {
namespace {

using storage::Right;
using ::testing::ElementsAre;
using ::testing::Pair;

using Action = storage::GrantRequest::Action;

class AccessWatchTest : public AccessTest {
 protected:
  // What whoever shows the token is told.
  std::string Answer() { return ReasonOf(Showing(token_)->Permit(Right::kRead, "s")); }

  // The store becomes another one, which was changed as often.
  void SwitchTo(std::vector<storage::Grant> grants, std::uint64_t version) {
    store_.name = "second";
    store_.grants = std::move(grants);
    store_.version = version;
  }
};

TEST_F(AccessWatchTest, DoesNotBeginWithoutTheList) {
  store_.failure = absl::UnavailableError("away");
  EXPECT_EQ(AccessWatch::Create(&store_, timer_, {}).status(), store_.failure);
}

TEST_F(AccessWatchTest, AsksForWhatItDoesNotKnow) {
  store_.Give(token_, kRead);
  Open();
  const std::uint64_t generation = watch_->generation();
  Refresh();
  EXPECT_EQ(store_.requests.back().known_version, 1U);
  EXPECT_EQ(watch_->generation(), generation);
  EXPECT_EQ(Answer(), "ok");
}

TEST_F(AccessWatchTest, TheListOfAStoreWithoutGrantsIsNoChange) {
  Open();
  const std::uint64_t generation = watch_->generation();
  Refresh();
  EXPECT_EQ(watch_->generation(), generation);
}

TEST_F(AccessWatchTest, TheLastListStaysInAnOutageAndExpiryGoesOn) {
  store_.Give(token_, kRead).expire_time = store_.now + absl::Seconds(10);
  Open();
  store_.failure = absl::UnavailableError("away");
  Refresh();
  EXPECT_EQ(Answer(), "ok");
  EXPECT_EQ(ReasonOf(WithCertificate({})->Authenticate()), "NO_TOKEN");
  Pass(absl::Seconds(10));
  Refresh();
  EXPECT_EQ(Answer(), "TOKEN_EXPIRED");
}

TEST_F(AccessWatchTest, AfterASwitchTheListIsThatOfTheOtherStore) {
  store_.Give(token_, kRead);
  Open();
  const tokens::Token there = tokens::Token::New();
  storage::Grant grant = store_.grants[0];
  there.PutInto(&grant);
  SwitchTo({grant}, /*version=*/1);
  Refresh();
  EXPECT_EQ(Answer(), "BAD_TOKEN");
  EXPECT_EQ(ReasonOf(Showing(there)->Authenticate()), "ok");
}

TEST_F(AccessWatchTest, ASwitchToAStoreWithoutGrantsOpensNothing) {
  store_.Give(token_, kRead);
  Open();
  SwitchTo({}, /*version=*/0);
  Refresh();
  EXPECT_EQ(Answer(), "BAD_TOKEN");
  EXPECT_EQ(ReasonOf(WithCertificate({})->Authenticate()), "NO_TOKEN");
}

TEST_F(AccessWatchTest, AnOpenStoreStaysOpenOverASwitchToAnother) {
  Open();
  SwitchTo({}, /*version=*/0);
  Refresh();
  EXPECT_TRUE(watch_->current().open);
}

TEST_F(AccessWatchTest, AnAnswerThatASwitchOvertookIsNotTaken) {
  store_.Give(token_, kRead);
  Open();
  const std::uint64_t generation = watch_->generation();
  store_.hold = true;
  Refresh();
  // The answer under way has another list, and which store it is of nobody can tell.
  SwitchTo({}, /*version=*/2);
  store_.ReleaseAll();
  absl::Notification refreshed;
  watch_->Refresh([&] { refreshed.Notify(); });
  refreshed.WaitForNotification();
  watch_->Stop();
  EXPECT_EQ(watch_->generation(), generation + 1);
  EXPECT_EQ(store_.requests.back().known_version % 2, 0U);
}

TEST_F(AccessWatchTest, RefreshIsAnsweredByAListThatIsNewer) {
  Open();
  store_.hold = true;
  Refresh();
  absl::Notification refreshed;
  store_.Give(token_, kRead);
  watch_->Refresh([&refreshed] { refreshed.Notify(); });
  EXPECT_FALSE(refreshed.HasBeenNotified());
  store_.ReleaseAll();
  refreshed.WaitForNotification();
  EXPECT_EQ(Answer(), "ok");
}

TEST_F(AccessWatchTest, AChangeIsAnsweredOnceItIsInForce) {
  store_.Give(token_, kRead);
  Open();
  const auto changes = NewGrantChanges(&store_, watch_.get());
  storage::GrantRequest revoke;
  revoke.action = Action::kRevoke;
  revoke.grant.id = token_.id();
  store_.grants[0].revoke_time = store_.now;
  ++store_.version;
  std::string answer;
  changes->Grants(revoke, absl::InfiniteFuture(), [&](const auto& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    answer = Answer();
  });
  EXPECT_EQ(answer, "TOKEN_REVOKED");
}

TEST_F(AccessWatchTest, UsesAreNotedOnceAMinuteWithTheirAge) {
  store_.Give(tokens::Token::New(), kRead);
  store_.Give(token_, kRead);
  Open();
  ASSERT_EQ(Answer(), "ok");
  Pass(absl::Seconds(20));
  Refresh();
  EXPECT_EQ(store_.requests.back().action, Action::kList);
  Pass(absl::Seconds(40));
  Refresh();
  ASSERT_EQ(store_.requests.back().action, Action::kNoteUses);
  EXPECT_THAT(store_.requests.back().uses, ElementsAre(Pair(token_.id(), absl::Seconds(40))));
  Pass(absl::Minutes(1));
  Refresh();
  EXPECT_EQ(store_.requests.back().action, Action::kList);
}

TEST_F(AccessWatchTest, AUseFromBeforeAChangeIsNotedToo) {
  store_.Give(token_, kRead);
  Open();
  ASSERT_EQ(Answer(), "ok");
  store_.Give(tokens::Token::New(), kRead);
  Pass(absl::Minutes(1));
  Refresh();
  ASSERT_EQ(store_.requests.back().action, Action::kNoteUses);
  EXPECT_THAT(store_.requests.back().uses, ElementsAre(Pair(token_.id(), absl::ZeroDuration())));
}

TEST_F(AccessWatchTest, TellsEachTimeThatItHasAskedAlsoInVain) {
  Open();
  int told = 0;
  watch_->Start([&told] { ++told; });
  Refresh();
  EXPECT_EQ(told, 1);
  store_.failure = absl::UnavailableError("away");
  Refresh();
  EXPECT_EQ(told, 2);
}

TEST_F(AccessWatchTest, AsksByItselfAtEachInterval) {
  AccessWatch::Options options;
  options.interval = absl::Milliseconds(1);
  auto watch = AccessWatch::Create(&store_, timer_, std::move(options));
  ASSERT_TRUE(watch.ok()) << watch.status();
  absl::Notification asked;
  int times = 0;
  (*watch)->Start([&] {
    if (++times == 3) asked.Notify();
  });
  asked.WaitForNotification();
  (*watch)->Stop();
  EXPECT_GE(store_.requests.size(), 4U);
}

}  // namespace
}  // namespace authstate::server
