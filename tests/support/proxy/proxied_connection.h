#ifndef AUTHSTATE_TESTS_SUPPORT_PROXY_PROXIED_CONNECTION_H_
#define AUTHSTATE_TESTS_SUPPORT_PROXY_PROXIED_CONNECTION_H_

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/proxy/pg_message_splitter.h"

namespace authstate::test {

enum class Direction : std::uint8_t { kToServer, kToClient };
constexpr std::size_t kDirections = 2;

// What connections carry. Only PostgreSQL's own protocol has statements.
enum class Protocol : std::uint8_t { kPostgres, kAny };

// What is to happen to a statement on its way.
struct StatementFault {
  enum class Moment : std::uint8_t {
    // Nothing of it reaches the server.
    kBefore,
    // Half of its parameters do.
    kMiddle,
    // The server has done it, and committed if it commits by itself; nothing of the answer reaches the client.
    kReply,
  };
  enum class Effect : std::uint8_t {
    // Both sides are reset.
    kReset,
    // Nothing more gets through on this connection, and nobody is told. TcpProxy::Resume lets what waited go on.
    kSilence,
  };

  // A part of its SQL text.
  std::string sql_part;
  Moment moment = Moment::kBefore;
  Effect effect = Effect::kReset;
};

// What the link is like at present, and what is prepared for it.
struct LinkState {
  std::array<bool, kDirections> held = {false, false};
  absl::Duration delay;
  std::size_t bytes_per_second = 0;
  // Reset at the byte: how many are left, in which direction.
  std::optional<std::size_t> reset_after;
  Direction reset_direction = Direction::kToServer;
  std::optional<StatementFault> armed;
  // Whether what was prepared last has happened.
  bool fired = false;
};

// One connection through the proxy: two sockets, and what is under way between them. Owns the sockets. Not thread-safe.
class ProxiedConnection {
 public:
  // Both are connected and do not block.
  ProxiedConnection(int client, int server, Protocol protocol);
  // Resets what is still open.
  ~ProxiedConnection();
  ProxiedConnection(const ProxiedConnection&) = delete;
  ProxiedConnection& operator=(const ProxiedConnection&) = delete;

  // What the loop waits for, and until when at the latest.
  std::array<pollfd, kDirections> Wanted(const LinkState& link) const;
  absl::Time NextDue(const LinkState& link) const;

  // Takes in and hands on what it can. False once the connection is over.
  bool Work(LinkState& link, absl::Time now);

  void Reset();
  void AbandonClient();
  void EndSilence() { silent_ = false; }

 private:
  struct Chunk {
    absl::Time due;
    std::string bytes;
  };
  // One direction, named for where it goes to.
  struct Flow {
    std::deque<Chunk> queue;
    std::size_t queued_bytes = 0;
    // With a bounded rate: nothing before.
    absl::Time next_send = absl::InfinitePast();
    // Its source has ended.
    bool ended = false;
  };

  Flow& flow(Direction direction) { return flows_[static_cast<std::size_t>(direction)]; }
  const Flow& flow(Direction direction) const { return flows_[static_cast<std::size_t>(direction)]; }
  int source(Direction direction) const { return direction == Direction::kToServer ? client_ : server_; }
  int target(Direction direction) const { return direction == Direction::kToServer ? server_ : client_; }
  bool Held(const LinkState& link, Direction direction) const;

  void Receive(LinkState& link, Direction direction, absl::Time now);
  void Send(LinkState& link, Direction direction, absl::Time now);
  void FromClient(LinkState& link, const PgMessage& message, absl::Time now);
  void FromServer(LinkState& link, const PgMessage& message, absl::Time now);
  void Queue(const LinkState& link, Direction direction, absl::string_view bytes, absl::Time now);
  void Fire(LinkState& link, StatementFault::Effect effect);

  int client_;
  int server_;
  std::array<Flow, kDirections> flows_;
  PgMessageSplitter from_client_{PgMessageSplitter::Side::kClient};
  PgMessageSplitter from_server_{PgMessageSplitter::Side::kServer};
  PgStatementTracker statements_;
  bool awaits_encryption_answer_ = false;
  // Set while the answer to the statement that was armed for kReply is awaited: what to do once it is complete.
  std::optional<StatementFault> on_reply_;
  bool silent_ = false;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_PROXY_PROXIED_CONNECTION_H_
