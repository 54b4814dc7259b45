#include "tests/hostile/http2_attacker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/hostile/flow_control.h"

namespace authstate::test {
namespace {

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int kPatienceMs = 30'000;
constexpr std::size_t kTailBytes = 1'024;

void AppendNumber(std::uint64_t number, int bytes, std::string* to) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) to->push_back(static_cast<char>(number >> shift & 0xffU));
}

}  // namespace

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream, absl::string_view payload) {
  std::string frame;
  frame.reserve(9 + payload.size());
  AppendNumber(payload.size(), 3, &frame);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  AppendNumber(stream, 4, &frame);
  absl::StrAppend(&frame, payload);
  return frame;
}

Http2Attacker::Http2Attacker(const std::string& address, FlowControl* flow_control) : flow_control_(flow_control) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &server.sin_addr);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0 && connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) Close();
}

Http2Attacker::~Http2Attacker() { Close(); }

bool Http2Attacker::Begin() { return Send(absl::StrCat(kPreface, Frame(FrameType::kSettings, 0, 0, ""))); }

bool Http2Attacker::Send(absl::string_view bytes) {
  while (alive() && !bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    pollfd ready{fd_, POLLIN | POLLOUT, 0};
    if (errno != EAGAIN || poll(&ready, 1, kPatienceMs) <= 0) {
      Close();
    } else if ((ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
      Receive();
    }
  }
  if (alive()) Receive();
  return alive();
}

bool Http2Attacker::AwaitEnd(absl::Duration timeout) {
  const absl::Time give_up = absl::Now() + timeout;
  while (alive()) {
    pollfd ready{fd_, POLLIN, 0};
    const absl::Duration left = give_up - absl::Now();
    if (left <= absl::ZeroDuration() || poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) == 0) {
      return false;
    }
    Receive();
  }
  return true;
}

void Http2Attacker::Receive() {
  std::array<char, 65'536> bytes{};
  while (alive()) {
    const ssize_t received = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (received > 0) {
      tail_.append(bytes.data(), static_cast<std::size_t>(received));
      tail_.erase(0, tail_.size() - std::min(tail_.size(), kTailBytes));
      if (flow_control_ != nullptr) flow_control_->Receive({bytes.data(), static_cast<std::size_t>(received)});
      continue;
    }
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) return;
    Close();
  }
}

void Http2Attacker::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace authstate::test
