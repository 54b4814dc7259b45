#include "server/connections/connection_counters.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

// Two ends of one TCP connection over loopback.
class ConnectionCountersTest : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(bind(listener_, generic, length), 0);
    ASSERT_EQ(listen(listener_, 1), 0);
    ASSERT_EQ(getsockname(listener_, generic, &length), 0);
    client_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(client_, generic, length), 0);
    server_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    ASSERT_GE(server_, 0);
    ASSERT_EQ(getsockname(client_, generic, &length), 0);
    client_port_ = ntohs(address.sin_port);
  }

  void TearDown() override {
    for (const int descriptor : {listener_, client_, server_}) close(descriptor);
  }

  int listener_ = -1;
  int client_ = -1;
  int server_ = -1;
  int client_port_ = 0;
};

TEST_F(ConnectionCountersTest, TheOtherEndIsNamed) {
  EXPECT_EQ(PeerOf(server_), absl::StrCat("127.0.0.1:", client_port_));
  EXPECT_EQ(PeerOf(listener_), "");
}

TEST_F(ConnectionCountersTest, TheKernelCountsWhatIsReadAndWhatIsSent) {
  std::array<char, 1'000> bytes{};
  ASSERT_EQ(send(client_, bytes.data(), bytes.size(), 0), 1'000);
  ASSERT_EQ(recv(server_, bytes.data(), 600, MSG_WAITALL), 600);
  auto counters = ReadTcpCounters(server_);
  ASSERT_TRUE(counters.has_value());
  EXPECT_EQ(counters->bytes_read, 600U);
  EXPECT_EQ(counters->segments_sent, 0U);
  ASSERT_EQ(send(server_, bytes.data(), 1, 0), 1);
  ASSERT_EQ(recv(client_, bytes.data(), 1, MSG_WAITALL), 1);
  counters = ReadTcpCounters(server_);
  ASSERT_TRUE(counters.has_value());
  EXPECT_EQ(counters->segments_sent, 1U);
  EXPECT_FALSE(ReadTcpCounters(STDERR_FILENO).has_value());
}

// The two counters are not of one moment.
TEST(StreamCountersTest, AStreamThatEndedBeforeItWasSeenToBeginIsNotOpen) {
  EXPECT_EQ((StreamCounters{5, 2, 1, 0}).open(), 2U);
  EXPECT_EQ((StreamCounters{5, 5, 1, 0}).open(), 0U);
}

}  // namespace
}  // namespace authstate::server
