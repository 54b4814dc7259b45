#include "tests/support/proxy/proxied_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"

namespace authstate::test {
namespace {

// What one direction may have under way; beyond that the sender is made to wait.
constexpr std::size_t kMaxQueuedBytes = 1 << 20;
constexpr std::size_t kReadBytes = 16384;
// With a bounded rate, a second's bytes go in so many parts.
constexpr std::size_t kPartsPerSecond = 50;

void CloseWithReset(int* fd) {
  if (*fd < 0) return;
  const linger at_once = {1, 0};
  setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(*fd);
  *fd = -1;
}

}  // namespace

ProxiedConnection::ProxiedConnection(int client, int server, Protocol protocol) : client_(client), server_(server) {
  if (protocol == Protocol::kPostgres) return;
  from_client_.BecomeOpaque();
  from_server_.BecomeOpaque();
}

ProxiedConnection::~ProxiedConnection() { Reset(); }

void ProxiedConnection::Reset() {
  CloseWithReset(&client_);
  CloseWithReset(&server_);
}

void ProxiedConnection::AbandonClient() {
  if (server_ < 0) return;
  close(server_);
  server_ = -1;
  for (Flow& flow : flows_) flow = Flow();
}

bool ProxiedConnection::Held(const LinkState& link, Direction direction) const {
  return silent_ || link.held[static_cast<std::size_t>(direction)];
}

std::array<pollfd, kDirections> ProxiedConnection::Wanted(const LinkState& link) const {
  std::array<pollfd, kDirections> wanted = {{{client_, 0, 0}, {server_, 0, 0}}};
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    pollfd& from = wanted[static_cast<std::size_t>(direction)];
    pollfd& towards = wanted[1 - static_cast<std::size_t>(direction)];
    const Flow& on_way = flow(direction);
    if (!on_way.ended && on_way.queued_bytes < kMaxQueuedBytes) from.events |= POLLIN;
    const bool due = !on_way.queue.empty() && std::max(on_way.queue.front().due, on_way.next_send) <= absl::Now();
    if (due && !Held(link, direction)) towards.events |= POLLOUT;
  }
  // poll reports the end of a socket even when nothing was asked; one that is known to have ended would keep it busy.
  for (pollfd& socket : wanted) {
    if (socket.events == 0) socket.fd = -1;
  }
  return wanted;
}

absl::Time ProxiedConnection::NextDue(const LinkState& link) const {
  absl::Time next = absl::InfiniteFuture();
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    const Flow& on_way = flow(direction);
    if (on_way.queue.empty() || Held(link, direction)) continue;
    const absl::Time due = std::max(on_way.queue.front().due, on_way.next_send);
    // What is due already waits for its socket alone.
    if (due > absl::Now()) next = std::min(next, due);
  }
  return next;
}

bool ProxiedConnection::Work(LinkState& link, absl::Time now) {
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    Receive(link, direction, now);
    Send(link, direction, now);
  }
  // The end of one side is handed on after all that came before it. PostgreSQL has no use for half a connection.
  const auto over = [&](Direction direction) {
    return flow(direction).ended && flow(direction).queue.empty() && !Held(link, direction);
  };
  const bool goes_on = client_ >= 0 && !over(Direction::kToServer) && !over(Direction::kToClient);
  // Whoever waited for the answer has gone without it, so that nothing has happened yet: the next one will do.
  if (!goes_on && on_reply_.has_value() && !link.armed.has_value()) link.armed = std::exchange(on_reply_, std::nullopt);
  return goes_on;
}

void ProxiedConnection::Receive(LinkState& link, Direction direction, absl::Time now) {
  std::array<char, kReadBytes> buffer{};
  while (source(direction) >= 0 && !flow(direction).ended && flow(direction).queued_bytes < kMaxQueuedBytes) {
    const ssize_t got = recv(source(direction), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      flow(direction).ended = true;
      return;
    }
    const absl::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    PgMessageSplitter& splitter = direction == Direction::kToServer ? from_client_ : from_server_;
    splitter.Append(bytes);
    for (auto message = splitter.Next(); message.has_value(); message = splitter.Next()) {
      if (direction == Direction::kToServer) {
        FromClient(link, *message, now);
      } else {
        FromServer(link, *message, now);
      }
    }
  }
}

void ProxiedConnection::FromClient(LinkState& link, const PgMessage& message, absl::Time now) {
  if (AsksForEncryption(message)) {
    awaits_encryption_answer_ = true;
    from_server_.ExpectOneByte();
  }
  const std::optional<std::string> sql = statements_.StatementOf(message);
  if (!link.armed.has_value() || !sql.has_value() || !absl::StrContains(*sql, link.armed->sql_part)) {
    Queue(link, Direction::kToServer, message.bytes, now);
    return;
  }
  const StatementFault fault = *std::move(link.armed);
  link.armed.reset();
  switch (fault.moment) {
    case StatementFault::Moment::kBefore:
      if (fault.effect == StatementFault::Effect::kSilence) Queue(link, Direction::kToServer, message.bytes, now);
      Fire(link, fault.effect);
      return;
    case StatementFault::Moment::kMiddle: {
      const absl::string_view bytes = message.bytes;
      Queue(link, Direction::kToServer, bytes.substr(0, bytes.size() / 2), now);
      Send(link, Direction::kToServer, now);
      Queue(link, Direction::kToServer, bytes.substr(bytes.size() / 2), now);
      Fire(link, fault.effect);
      return;
    }
    case StatementFault::Moment::kReply:
      on_reply_ = fault;
      Queue(link, Direction::kToServer, message.bytes, now);
      return;
  }
}

void ProxiedConnection::FromServer(LinkState& link, const PgMessage& message, absl::Time now) {
  if (awaits_encryption_answer_) {
    awaits_encryption_answer_ = false;
    if (message.bytes != "N") {
      from_client_.BecomeOpaque();
      from_server_.BecomeOpaque();
    }
  }
  if (!on_reply_.has_value()) {
    Queue(link, Direction::kToClient, message.bytes, now);
    return;
  }
  // ReadyForQuery comes after the commit; a CommandComplete may come before it.
  if (message.type == 'Z') Fire(link, std::exchange(on_reply_, std::nullopt)->effect);
}

void ProxiedConnection::Fire(LinkState& link, StatementFault::Effect effect) {
  link.fired = true;
  if (effect == StatementFault::Effect::kReset) {
    Reset();
  } else {
    silent_ = true;
  }
}

void ProxiedConnection::Queue(const LinkState& link, Direction direction, absl::string_view bytes, absl::Time now) {
  // An abandoned client talks to nobody.
  if (target(direction) < 0) return;
  Flow& on_way = flow(direction);
  on_way.queue.push_back({now + link.delay, std::string(bytes)});
  on_way.queued_bytes += bytes.size();
}

void ProxiedConnection::Send(LinkState& link, Direction direction, absl::Time now) {
  Flow& on_way = flow(direction);
  while (target(direction) >= 0 && !on_way.queue.empty() && !Held(link, direction)) {
    Chunk& chunk = on_way.queue.front();
    if (std::max(chunk.due, on_way.next_send) > now) return;
    std::size_t size = chunk.bytes.size();
    const bool slow = link.bytes_per_second != 0;
    if (slow) size = std::min(size, std::max<std::size_t>(link.bytes_per_second / kPartsPerSecond, 1));
    const bool counted = link.reset_after.has_value() && link.reset_direction == direction;
    if (counted) size = std::min(size, *link.reset_after);
    const ssize_t sent = send(target(direction), chunk.bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) {
      // It has gone; nothing more can be handed to it.
      on_way.queue.clear();
      on_way.ended = true;
      return;
    }
    const auto count = static_cast<std::size_t>(sent);
    if (slow) on_way.next_send = now + absl::Seconds(1) * count / link.bytes_per_second;
    on_way.queued_bytes -= count;
    chunk.bytes.erase(0, count);
    if (chunk.bytes.empty()) on_way.queue.pop_front();
    if (counted && (*link.reset_after -= count) == 0) {
      link.reset_after.reset();
      Fire(link, StatementFault::Effect::kReset);
    }
  }
}

}  // namespace authstate::test
