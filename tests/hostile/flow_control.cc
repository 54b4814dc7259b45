#include "tests/hostile/flow_control.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/hostile/http2_attacker.h"

namespace authstate::test {
namespace {

constexpr std::size_t kFrameHead = 9;

std::uint32_t NumberAt(absl::string_view bytes, std::size_t from, std::size_t length) {
  std::uint32_t number = 0;
  for (const char byte : bytes.substr(from, length)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

}  // namespace

void FlowControl::Receive(absl::string_view bytes) {
  absl::StrAppend(&unread_, bytes);
  absl::string_view left = unread_;
  while (left.size() >= kFrameHead) {
    const std::size_t length = NumberAt(left, 0, 3);
    if (left.size() < kFrameHead + length) break;
    if (left[3] == static_cast<char>(FrameType::kWindowUpdate)) {
      const std::uint32_t stream = NumberAt(left, 5, 4);
      (stream == 0 ? of_connection_ : of_streams_[stream]) += NumberAt(left, kFrameHead, 4);
    }
    left.remove_prefix(kFrameHead + length);
  }
  unread_ = std::string(left);
}

std::size_t FlowControl::Window(std::uint32_t stream) const {
  const auto found = of_streams_.find(stream);
  const std::int64_t of_stream = kInitial + (found == of_streams_.end() ? 0 : found->second);
  return static_cast<std::size_t>(std::max(std::int64_t{0}, std::min(of_connection_, of_stream)));
}

void FlowControl::Spend(std::uint32_t stream, std::size_t bytes) {
  of_connection_ -= static_cast<std::int64_t>(bytes);
  of_streams_[stream] -= static_cast<std::int64_t>(bytes);
}

}  // namespace authstate::test
