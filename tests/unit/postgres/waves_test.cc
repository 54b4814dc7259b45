#include "storage/postgres/session/waves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Request {
  std::string session_id;
  bool wait_for_lock = false;
};
using TestWaves = Waves<Request, int>;

// One request a letter, of the session of that name.
std::vector<Request> RequestsOf(const std::string& sessions) {
  std::vector<Request> requests;
  for (const char session : sessions) requests.push_back({std::string(1, session)});
  return requests;
}

Wave Next(TestWaves& waves) {
  return waves.Next([](const Request&) { return true; });
}

std::optional<PutBack> Send(TestWaves& waves, const std::function<void(const Wave&)>& send) {
  return waves.Run([&waves] { return Next(waves); }, send);
}

TEST(WavesTest, EachHasTheFirstPendingRequestOfEverySessionInTheirOrder) {
  TestWaves waves(RequestsOf("baab"), absl::InfiniteFuture(), nullptr);
  std::vector<Wave> sent;
  const auto put_back = Send(waves, [&](const Wave& wave) {
    sent.push_back(wave);
    for (const std::size_t place : wave) waves.Answer(place, 0);
  });
  EXPECT_FALSE(put_back.has_value());
  EXPECT_THAT(sent, ElementsAre(ElementsAre(1, 0), ElementsAre(2, 3)));
}

TEST(WavesTest, WhatIsHeldKeepsLaterRequestsOfItsSessionBack) {
  TestWaves waves(RequestsOf("aab"), absl::InfiniteFuture(), nullptr);
  waves.Hold(0);
  EXPECT_THAT(Next(waves), ElementsAre(2));
  waves.LetGo(0);
  EXPECT_THAT(Next(waves), ElementsAre(0, 2));
}

TEST(WavesTest, WaveThatMeetsALockIsDividedUntilTheLockedSessionStandsAlone) {
  TestWaves waves(RequestsOf("abcdefghijklmnopqrstk"), absl::InfiniteFuture(), nullptr);
  const std::size_t locked = std::string("abcdefghijklmnopqrstk").find('k');
  int tries = 0;
  while (Send(waves, [&](const Wave& wave) {
           ++tries;
           if (std::find(wave.begin(), wave.end(), locked) != wave.end()) return waves.GiveWay(wave);
           for (const std::size_t place : wave) waves.Answer(place, 0);
         }).has_value()) {
  }
  EXPECT_LE(tries, 12);
  const auto results = waves.Finish(absl::OkStatus());
  for (std::size_t i = 0; i < results.size(); ++i) {
    // The one behind it must not come to be before it.
    const bool behind = i == locked || i == results.size() - 1;
    EXPECT_EQ(results[i].ok(), !behind) << i;
    if (behind) {
      EXPECT_TRUE(IsSessionLocked(results[i].status())) << results[i].status();
    }
  }
}

TEST(WavesTest, RequestsOfOneSessionThatWaitAreSentAgain) {
  std::vector<Request> requests = {{"a", true}, {"a", true}};
  TestWaves waves(std::move(requests), absl::InfiniteFuture(), [](const std::string&) { return true; });
  const auto put_back = Send(waves, [&](const Wave& wave) { waves.GiveWay(wave); });
  ASSERT_TRUE(put_back.has_value());
  EXPECT_FALSE(put_back->pause.has_value());
  EXPECT_THAT(Next(waves), ElementsAre(0));
}

TEST(WavesTest, SessionsThatOthersWaitForAreRefusedUnsent) {
  TestWaves waves(RequestsOf("ab"), absl::InfiniteFuture(), [](const std::string& session) { return session == "a"; });
  Send(waves, [&](const Wave& wave) {
    EXPECT_THAT(wave, ElementsAre(1));
    for (const std::size_t place : wave) waves.Answer(place, 0);
  });
  EXPECT_TRUE(IsSessionLocked(waves.Finish(absl::OkStatus()).front().status()));
}

TEST(WavesTest, PastTheDeadlineNothingIsSent) {
  TestWaves waves(RequestsOf("a"), absl::Now(), nullptr);
  Send(waves, [](const Wave&) { ADD_FAILURE(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(waves.Finish(absl::OkStatus()).front().status()));
  EXPECT_THAT(Next(waves), IsEmpty());
}

}  // namespace
}  // namespace authstate::storage
