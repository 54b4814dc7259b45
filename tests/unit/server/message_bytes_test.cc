#include "server/connections/message_bytes.h"

#include <gtest/gtest.h>

namespace authstate::server {
namespace {

TEST(MessageBytesTest, AreCountedForTheConnectionThatGrpcNames) {
  CountMessagesFrom("127.0.0.1:1");
  CountMessagesFrom("[::1]:1");
  CountMessage("ipv4:127.0.0.1:1", 10);
  CountMessage("ipv6:%5B::1%5D:1", 5);
  CountMessage("ipv4:127.0.0.1:1", 10);
  EXPECT_EQ(MessageBytesFrom("127.0.0.1:1"), 20U);
  EXPECT_EQ(MessageBytesFrom("[::1]:1"), 5U);
  ForgetMessagesFrom("127.0.0.1:1");
  ForgetMessagesFrom("[::1]:1");
}

// So that what comes after the end of a connection is not kept for ever.
TEST(MessageBytesTest, AreNotCountedForAConnectionThatIsForgotten) {
  CountMessagesFrom("127.0.0.1:2");
  ForgetMessagesFrom("127.0.0.1:2");
  CountMessage("ipv4:127.0.0.1:2", 10);
  EXPECT_EQ(MessageBytesFrom("127.0.0.1:2"), 0U);
}

TEST(MessageBytesTest, OfALaterConnectionFromTheSamePortBeginAtNothing) {
  CountMessagesFrom("127.0.0.1:3");
  CountMessage("ipv4:127.0.0.1:3", 10);
  CountMessagesFrom("127.0.0.1:3");
  EXPECT_EQ(MessageBytesFrom("127.0.0.1:3"), 0U);
  ForgetMessagesFrom("127.0.0.1:3");
  CountMessage("ipv4:127.0.0.1:3", 10);
  EXPECT_EQ(MessageBytesFrom("127.0.0.1:3"), 10U);
  ForgetMessagesFrom("127.0.0.1:3");
}

}  // namespace
}  // namespace authstate::server
