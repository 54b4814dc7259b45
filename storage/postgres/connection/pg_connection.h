#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_CONNECTION_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/counts/statement_stats.h"
#include "storage/deadline_timer.h"
#include "storage/postgres/connection/backoff.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/database_clock.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/connection/watchdog.h"
#include "storage/postgres/sql/statement_names.h"

namespace authstate::storage {

// One connection to the database, made when it is first needed and again after it broke. Blocks; a call ends by its
// deadline, but for the making of a connection, which ends by the connect_timeout of the conninfo.
//
// No session state but, where they are allowed, the names of prepared statements; so each statement may run on another
// server behind a pooler. Not thread-safe.
class PgConnection {
 public:
  // What a statement came to: rows, or a failure.
  struct Execution {
    std::optional<Failure> failure;
    pqxx::result rows;
  };
  // In binary format each (pg_array.h).
  using Parameters = std::vector<std::string>;
  // Whether the database may keep the plan of a statement (as it does for a prepared one) or makes one for these
  // parameters, at the cost of planning it.
  enum class Planning : std::uint8_t { kKept, kForItself };

  // `timer` and `names` outlive it. No call takes longer than `call_timeout`, whatever its deadline. Every statement
  // that is sent is counted in `stats`; null: nowhere. Without `names` no statement is prepared.
  PgConnection(Conninfo conninfo, absl::Duration call_timeout, DeadlineTimer& timer,
               std::shared_ptr<StatementStats> stats = nullptr, StatementNames* names = nullptr);
  ~PgConnection() { Drop(); }
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // Connects now. Unavailable with a cause for operators, on one line.
  absl::Status Connect();

  // Whether there is no connection, or a broken one, and the time has come to make another. Does not block.
  bool ShouldConnect() const;

  // As far as is known without asking.
  bool connected() const { return connection_ != nullptr; }
  // Where it is not: from when on another connection may be made, and what a statement fails with until then.
  absl::Time connects_at() const { return backoff_.next(); }
  Failure NotConnectedYet() const;

  // Runs one statement, on a new connection if need be. Without parameters it may be several, divided by semicolons.
  // One with parameters is a constant: it is known again by its address.
  Execution Execute(const char* sql, const Parameters& parameters, absl::Time deadline,
                    Planning planning = Planning::kKept);

  // Runs one more statement of the transaction that Execute began; kLost when its connection is gone.
  Execution Continue(const char* sql, const Parameters& parameters, absl::Time deadline,
                     Planning planning = Planning::kKept);

  // Has the clock of the database read, on a new connection if need be; at no cost when it is known.
  std::optional<Failure> ReadClock(absl::Time deadline);
  // Known after ReadClock, for as long as the connection lasts. A statement that tells the time may add its reading.
  DatabaseClock& clock() { return clock_; }

  // When a statement that begins now is cut off, at the latest.
  absl::Time StatementDeadline(absl::Time deadline) const;

  // How many connections it has made: a transaction begun on one does not go on, on the next.
  std::uint64_t generation() const { return generation_; }

  // The server process as it was named when the connection was made; nullopt while there is none, which may be so after
  // a statement that succeeded, too: its answer came with its deadline.
  std::optional<int> NamedProcess() const {
    return connection_ == nullptr ? std::nullopt : std::optional(connection_->backendpid());
  }

  // What became of a commit whose statement got no answer was found out: counted with the statements.
  void CountResolved() const {
    if (stats_ != nullptr) stats_->RecordResolved();
  }

  // Whether the database has to take writes.
  bool must_write() const { return conninfo_.writes; }

  // Throws the connection away, and whatever was begun on it.
  void Drop();

 private:
  std::optional<Failure> EnsureConnected();
  bool Broken() const;
  Execution TryOnce(const char* sql, const Parameters& parameters, absl::Time deadline, Planning planning);
  // Runs a statement on the connection that is there.
  Execution Send(const char* sql, const Parameters& parameters, absl::Time cut_off, Planning planning);
  // Likewise, prepared if that is allowed. Throws what libpqxx throws.
  pqxx::result SendNamed(const char* sql, const Parameters& parameters, Planning planning);
  void Count(absl::Duration latency, const std::optional<Failure>& failure);
  Failure Failed(const std::exception& error, bool overran);
  // What to remember of a connection that did not come to be, and Connect's answer.
  absl::Status NotConnected(WhyNotConnected why, absl::string_view cause);

  const Conninfo conninfo_;
  const absl::Duration call_timeout_;
  DeadlineTimer& timer_;
  const std::shared_ptr<StatementStats> stats_;
  StatementNames* const names_;
  Backoff backoff_;
  // Why the last connection that failed did not come to be.
  WhyNotConnected no_connection_ = WhyNotConnected::kAway;
  DatabaseClock clock_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<pqxx::connection> connection_;
  // The socket of the connection that is there.
  std::optional<Watchdog::Socket> socket_;
  // What is prepared on it, by the text of the statement, with its name.
  absl::flat_hash_map<const char*, std::string> prepared_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_CONNECTION_H_
