#ifndef AUTHSTATE_TESTS_SUPPORT_PROXY_PG_MESSAGE_SPLITTER_H_
#define AUTHSTATE_TESTS_SUPPORT_PROXY_PG_MESSAGE_SPLITTER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// As much of PostgreSQL's protocol 3.0 as it takes to tell which statement passes by.
//
//   start-up message   Int32 length (itself included), Int32 code, …     the client's first, and again after a refusal
//   message            Byte1 type, Int32 length (itself included), …     all others, in both directions
//   one byte           'S', 'G' or 'N'                                   the server's answer to a request for
//   encryption
namespace authstate::test {

struct PgMessage {
  // 0 for a start-up message, and for bytes that are no message.
  char type = 0;
  // All of it, with type and length.
  std::string bytes;
};

// Divides one direction of a connection into its messages. Not thread-safe.
class PgMessageSplitter {
 public:
  enum class Side : std::uint8_t { kClient, kServer };

  explicit PgMessageSplitter(Side side) : starting_(side == Side::kClient) {}

  void Append(absl::string_view bytes) { buffer_.append(bytes.data(), bytes.size()); }
  // The next message that is there as a whole.
  std::optional<PgMessage> Next();

  // The next byte is a message of its own.
  void ExpectOneByte() { one_byte_ = true; }
  // What follows is encrypted: bytes are handed out as they come.
  void BecomeOpaque() { opaque_ = true; }

 private:
  PgMessage Take(std::size_t size);

  // Whether the next message of a client is a start-up message.
  bool starting_;
  bool one_byte_ = false;
  bool opaque_ = false;
  std::string buffer_;
};

// Whether a start-up message asks for TLS or GSSAPI encryption.
bool AsksForEncryption(const PgMessage& message);

// Follows a client's messages and knows which of them runs a statement. Not thread-safe.
class PgStatementTracker {
 public:
  // The SQL text that `message` sets going: a simple query, or a Bind of what was parsed before. nullopt for any other
  // message.
  std::optional<std::string> StatementOf(const PgMessage& message);

 private:
  // SQL text by the name of the prepared statement.
  std::map<std::string, std::string> parsed_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_PROXY_PG_MESSAGE_SPLITTER_H_
