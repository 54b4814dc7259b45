#include "tests/support/proxy/pg_message_splitter.h"

#include <cstddef>
#include <utility>

namespace authstate::test {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kTypeBytes = 1;
// Codes of start-up messages.
constexpr std::uint32_t kTlsRequest = 80877103;
constexpr std::uint32_t kGssRequest = 80877104;

std::uint32_t ReadInt32(absl::string_view bytes) {
  constexpr unsigned kByteBits = 8;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) value = value << kByteBits | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The string that starts at `*position` and ends with a zero byte; moves on past it.
absl::string_view ReadString(absl::string_view bytes, std::size_t* position) {
  const std::size_t end = bytes.find('\0', *position);
  const absl::string_view text = bytes.substr(*position, end - *position);
  *position = end == absl::string_view::npos ? bytes.size() : end + 1;
  return text;
}

}  // namespace

PgMessage PgMessageSplitter::Take(std::size_t size) {
  PgMessage message;
  message.bytes = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return message;
}

std::optional<PgMessage> PgMessageSplitter::Next() {
  if (buffer_.empty()) return std::nullopt;
  if (opaque_) return Take(buffer_.size());
  if (one_byte_) {
    one_byte_ = false;
    return Take(1);
  }
  const std::size_t head = starting_ ? 0 : kTypeBytes;
  if (buffer_.size() < head + kLengthBytes) return std::nullopt;
  const std::size_t size = head + ReadInt32(absl::string_view(buffer_).substr(head));
  if (buffer_.size() < size) return std::nullopt;
  PgMessage message = Take(size);
  if (starting_) {
    // After a request for encryption comes another start-up message, unless the request is granted.
    starting_ = AsksForEncryption(message);
  } else {
    message.type = message.bytes.front();
  }
  return message;
}

bool AsksForEncryption(const PgMessage& message) {
  if (message.type != 0 || message.bytes.size() != 2 * kLengthBytes) return false;
  const std::uint32_t code = ReadInt32(absl::string_view(message.bytes).substr(kLengthBytes));
  return code == kTlsRequest || code == kGssRequest;
}

std::optional<std::string> PgStatementTracker::StatementOf(const PgMessage& message) {
  std::size_t position = kTypeBytes + kLengthBytes;
  switch (message.type) {
    case 'Q':
      return std::string(ReadString(message.bytes, &position));
    case 'P': {
      const std::string name(ReadString(message.bytes, &position));
      parsed_[name] = std::string(ReadString(message.bytes, &position));
      return std::nullopt;
    }
    case 'B': {
      ReadString(message.bytes, &position);  // The portal.
      const auto found = parsed_.find(std::string(ReadString(message.bytes, &position)));
      if (found == parsed_.end()) return std::nullopt;
      return found->second;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace authstate::test
