#ifndef AUTHSTATE_TESTS_HOSTILE_FLOW_CONTROL_H_
#define AUTHSTATE_TESTS_HOSTILE_FLOW_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// How much data a peer lets a connection and its streams send (RFC 9113, section 5.2), by what windows have at first
// and by its updates. What its settings say of windows holds only for whoever acknowledges them, which nobody does
// here.
class FlowControl {
 public:
  // Takes what the peer has sent, from the first byte on, in pieces of any size.
  void Receive(absl::string_view bytes);

  // How many bytes of data may be sent on `stream` now.
  std::size_t Window(std::uint32_t stream) const;
  void Spend(std::uint32_t stream, std::size_t bytes);

 private:
  // What of a frame is there.
  std::string unread_;
  static constexpr std::int64_t kInitial = 65'535;
  std::int64_t of_connection_ = kInitial;
  // Granted beyond kInitial, less what was spent.
  std::map<std::uint32_t, std::int64_t> of_streams_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_FLOW_CONTROL_H_
