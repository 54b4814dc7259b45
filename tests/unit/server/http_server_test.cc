#include "server/http/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/http/peer_network.h"
#include "tests/support/http/http_exchange.h"

namespace authstate::server {
namespace {

using test::HttpAnswer;
using test::HttpGet;
using test::HttpPeer;
using ::testing::HasSubstr;

constexpr char kRequest[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

// A server that answers with the path that it was asked for.
class HttpServerTest : public testing::Test {
 protected:
  void Serve(const HttpLimits& limits = {}) {
    auto sockets = ListeningSockets::Open({"--http-listen", "127.0.0.1:0"});
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    auto server = HttpServer::Start(
        *std::move(sockets), nullptr,
        [this](const HttpRequest& request) {
          ++requests_;
          authorization_ = request.authorization;
          return HttpResponse{200, "text/plain", request.path};
        },
        timer_, limits);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  const std::string& address() const { return server_->address(); }

  storage::DeadlineTimer timer_;
  std::atomic<int> requests_ = 0;
  // What the last request had, once its answer is there.
  std::vector<std::string> authorization_;
  std::unique_ptr<HttpServer> server_;
};

// Longer than any test; where a test is about patience, it has a short one.
HttpLimits Patient() {
  HttpLimits limits;
  limits.patience = absl::Hours(1);
  return limits;
}

TEST_F(HttpServerTest, AnswersAndEndsTheConnection) {
  Serve();
  const HttpAnswer answer = HttpGet(address(), "/metrics?x");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "/metrics");
  const HttpPeer head(address());
  head.Send("HEAD /x HTTP/1.0\r\n\r\n");
  const HttpAnswer only_head = test::ParseAnswer(head.ReadToEnd());
  EXPECT_THAT(only_head.head, HasSubstr("Content-Length: 2"));
  EXPECT_EQ(only_head.body, "");
}

TEST_F(HttpServerTest, EveryValueOfAuthorizationIsSeen) {
  Serve();
  EXPECT_EQ(HttpGet(address(), "/x", "authorization:  Bearer as_x_y \r\nX: z\r\nAuthorization: two\r\n").status, 200);
  EXPECT_THAT(authorization_, testing::ElementsAre("Bearer as_x_y", "two"));
}

TEST_F(HttpServerTest, ARequestMayComeInParts) {
  Serve(Patient());
  const HttpPeer peer(address());
  for (const char c : std::string(kRequest)) ASSERT_TRUE(peer.Send(std::string(1, c)));
  EXPECT_EQ(test::ParseAnswer(peer.ReadToEnd()).body, "/x");
}

TEST_F(HttpServerTest, WhatIsNoRequestReachesNobodyAndTheNextOneIsNotTaken) {
  Serve();
  const HttpPeer peer(address());
  peer.Send(absl::StrCat("HELLO\r\n\r\n", kRequest));
  EXPECT_THAT(peer.ReadToEnd(), testing::Not(HasSubstr("HTTP/1.1 200")));
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpServerTest, AHeadWithoutEndIsRefusedBeforeItIsKept) {
  Serve(Patient());
  {
    const HttpPeer peer(address());
    peer.Send(absl::StrCat("GET /x HTTP/1.1\r\nHost: x\r\nA: ", std::string(40'000, 'v'), "\r\n\r\n"));
    EXPECT_EQ(test::ParseAnswer(peer.ReadToEnd()).status, 431);
  }
  {
    // One line, and no end to it: the server hangs up long before this has been sent.
    const HttpPeer peer(address());
    ASSERT_TRUE(peer.Send("GET /"));
    std::size_t sent = 0;
    while (sent < std::size_t{64} << 20 && peer.Send(std::string(1 << 16, 'a'))) sent += 1 << 16;
    EXPECT_LT(sent, std::size_t{64} << 20);
  }
  EXPECT_EQ(HttpGet(address(), absl::StrCat("/", std::string(500, 'p'))).status, 200);
  EXPECT_EQ(requests_, 1);
}

TEST_F(HttpServerTest, ASlowClientIsCutOffWhenItsTimeIsOver) {
  HttpLimits limits;
  limits.patience = absl::Milliseconds(50);
  Serve(limits);
  const HttpPeer silent(address());
  const HttpPeer slow(address());
  ASSERT_TRUE(slow.Send("GET /x HTTP/1.1\r\nHost"));
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_EQ(slow.ReadToEnd(), "");
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpServerTest, ClientsThatHangKeepNobodyWaiting) {
  HttpLimits limits = Patient();
  limits.connections = 8;
  Serve(limits);
  std::deque<HttpPeer> hanging;
  for (int i = 0; i < 20; ++i) {
    hanging.emplace_back(address());
    ASSERT_TRUE(hanging.back().Send("GET /x HTTP/1.1\r\nHost: x\r\n"));
    // The oldest of them give way.
    EXPECT_EQ(HttpGet(address(), "/y").body, "/y") << i;
  }
  EXPECT_EQ(hanging.front().ReadToEnd(), "");
  ASSERT_TRUE(hanging.back().Send("\r\n"));
  EXPECT_EQ(test::ParseAnswer(hanging.back().ReadToEnd()).body, "/x");
}

TEST_F(HttpServerTest, WhoOpensManyConnectionsCutsOffItsOwnAndNobodyElses) {
  HttpLimits limits = Patient();
  limits.connections = 8;
  limits.connections_of_network = 4;
  Serve(limits);
  const HttpPeer other(address(), /*from=*/2);
  ASSERT_TRUE(other.Send("GET /x HTTP/1.1\r\nHost: x\r\n"));
  ASSERT_EQ(HttpGet(address(), "/y").body, "/y");
  std::deque<HttpPeer> many;
  for (int i = 0; i < 20; ++i) {
    many.emplace_back(address());
    ASSERT_TRUE(many.back().Send("GET /x HTTP/1.1\r\nHost: x\r\n"));
  }
  EXPECT_EQ(many.front().ReadToEnd(), "");
  EXPECT_EQ(HttpGet(address(), "/y").body, "/y");
  ASSERT_TRUE(other.Send("\r\n"));
  EXPECT_EQ(test::ParseAnswer(other.ReadToEnd()).body, "/x");
  ASSERT_TRUE(many.back().Send("\r\n"));
  EXPECT_EQ(test::ParseAnswer(many.back().ReadToEnd()).body, "/x");
}

TEST_F(HttpServerTest, ANetworkIsAnAddressOfIPv4OrHalfAnAddressOfIPv6) {
  const auto network = [](const char* text) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return PeerNetwork(reinterpret_cast<const sockaddr*>(&address));
  };
  EXPECT_EQ(network("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::/64");
  EXPECT_EQ(network("2001:db8:0:1::1"), "2001:db8:0:1::/64");
  EXPECT_EQ(network("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(PeerNetwork(nullptr), "");
}

TEST_F(HttpServerTest, AReaderThatTakesNothingKeepsNobodyWaiting) {
  auto sockets = ListeningSockets::Open({"--http-listen", "127.0.0.1:0"});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  // More than sockets hold.
  const std::string large(std::size_t{32} << 20, 'l');
  const auto server = HttpServer::Start(
      *std::move(sockets), nullptr,
      [&large](const HttpRequest& request) {
        return HttpResponse{200, "text/plain", request.path == "/large" ? large : request.path};
      },
      timer_, Patient());
  ASSERT_TRUE(server.ok()) << server.status();
  const HttpPeer reader((*server)->address());
  ASSERT_TRUE(reader.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(HttpGet((*server)->address(), "/y").body, "/y");
  EXPECT_EQ(test::ParseAnswer(reader.ReadToEnd()).body.size(), large.size());
}

TEST_F(HttpServerTest, AHandlerThatThrowsIsOneAnswerAndNotTheEnd) {
  auto sockets = ListeningSockets::Open({"--http-listen", "127.0.0.1:0"});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  const auto server = HttpServer::Start(
      *std::move(sockets), nullptr,
      [](const HttpRequest& request) -> HttpResponse {
        if (request.path == "/bad") throw std::runtime_error("bad");
        return {200, "text/plain", request.path};
      },
      timer_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(HttpGet((*server)->address(), "/bad").status, 500);
  EXPECT_EQ(HttpGet((*server)->address(), "/y").body, "/y");
}

// What fails in libmicrohttpd may have closed the socket already, whose number then is another's.
TEST_F(HttpServerTest, ADaemonThatDoesNotStartClosesNoDescriptorOfOthers) {
  auto sockets = ListeningSockets::Open({"--http-listen", "127.0.0.1:0"});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  std::atomic<bool> done = false;
  std::thread other([&done] {
    while (!done) {
      const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
      ASSERT_GE(descriptor, 0);
      ASSERT_EQ(close(descriptor), 0);
    }
  });
  const auto open_now = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto bad = std::make_shared<const TlsMaterial>(TlsMaterial{"no certificate", "no key", ""});
  const HttpHandler handler = [](const HttpRequest& /*request*/) { return HttpResponse(); };
  HttpConnections connections(timer_, Patient());
  const auto before = open_now();
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(HttpDaemon::Start(sockets->descriptors().front(), bad, &handler, &connections).ok());
  }
  // The other thread has one at most.
  EXPECT_LE(open_now(), before + 1);
  done = true;
  other.join();
}

TEST_F(HttpServerTest, AStopEndsConnectionsThatAreOpen) {
  Serve(Patient());
  const HttpPeer peer(address());
  ASSERT_TRUE(peer.Send("GET /"));
  EXPECT_EQ(HttpGet(address(), "/y").body, "/y");
  server_.reset();
  EXPECT_EQ(peer.ReadToEnd(), "");
}

}  // namespace
}  // namespace authstate::server
