#ifndef AUTHSTATE_TESTS_HOSTILE_HTTP2_ATTACKER_H_
#define AUTHSTATE_TESTS_HOSTILE_HTTP2_ATTACKER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::test {

// The types and flags of frames (RFC 9113, section 6).
enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kEndHeaders = 0x4;

// The bytes of one frame. `payload` is shorter than 16 MiB.
std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream, absl::string_view payload);

class FlowControl;

// A TCP connection that speaks HTTP/2 only as far as it is told to: it answers nothing, and acknowledges no settings.
// What comes is thrown away, but for its end and what `flow_control` wants to know. Not thread-safe.
class Http2Attacker {
 public:
  // Connects to `address`, `127.0.0.1:50123`; alive() tells whether it could. Nothing is sent.
  // `flow_control`, borrowed, may be null.
  explicit Http2Attacker(const std::string& address, FlowControl* flow_control = nullptr);
  ~Http2Attacker();
  Http2Attacker(const Http2Attacker&) = delete;
  Http2Attacker& operator=(const Http2Attacker&) = delete;

  // What every client begins with: preface and empty settings. False when the connection is over.
  bool Begin();
  // Sends all of `bytes` and reads what has come. False when the connection is over, or when the server has read
  // nothing for 30 s.
  bool Send(absl::string_view bytes);
  // Reads until the server ends the connection or `timeout` has passed; tells which.
  bool AwaitEnd(absl::Duration timeout);

  bool alive() const { return fd_ >= 0; }
  // The last that came, at most 1 KiB: a server that ends a connection says why.
  const std::string& tail() const { return tail_; }

 private:
  void Receive();
  void Close();

  FlowControl* const flow_control_;
  int fd_ = -1;
  std::string tail_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_HTTP2_ATTACKER_H_
