#include "server/rpc/request_id.h"

#include <gtest/gtest.h>

#include <string>

namespace authstate::server {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";

TEST(RequestIdTest, TheTraceIsTakenFromWhatIsATraceParent) {
  EXPECT_EQ(TraceIdOf(std::string("00-") + kTrace + "-00f067aa0ba902b7-01"), kTrace);
  // A later version may say more.
  EXPECT_EQ(TraceIdOf(std::string("01-") + kTrace + "-00f067aa0ba902b7-01-more"), kTrace);
}

TEST(RequestIdTest, AnythingElseIsNoTrace) {
  const std::string zeros(32, '0');
  for (const std::string& sent :
       {std::string(), std::string("00"), std::string("00-") + kTrace, "00-" + zeros + "-00f067aa0ba902b7-01",
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        std::string("00-") + kTrace + "_00f067aa0ba902b7-01", std::string(100, 'x')}) {
    EXPECT_EQ(TraceIdOf(sent), "") << sent;
  }
}

}  // namespace
}  // namespace authstate::server
