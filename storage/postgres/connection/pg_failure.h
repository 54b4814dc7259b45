#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_FAILURE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_FAILURE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/sqlstate.h"

namespace authstate::storage {

// Why there is no connection.
enum class WhyNotConnected : std::uint8_t {
  // It cannot be reached, or refuses us.
  kAway,
  // The server, or a pooler before it, has none to spare.
  kNoneToSpare,
  // One was made, and nothing answers on it: a pooler whose pool is full lets its clients wait.
  kUnanswered,
  // It takes no writes.
  kReadOnly,
};

// Why a statement failed. Plain data; holds nothing of what the database said that may quote values.
struct Failure {
  Fault fault = Fault::kNever;
  // Empty when the error did not come from the server.
  std::string sqlstate;
  // The database's own message, on one line, where it quotes no values (PrimaryMessage); else empty.
  std::string message;
  // Why the call never began (Fault::kNeverBegan).
  WhyNotConnected no_connection = WhyNotConnected::kAway;
  // Whether the statement may have reached the database.
  bool sent = false;
  // Whether it was cut off because its deadline passed.
  bool overran = false;
  // How long the database is left alone before the next connection is tried; zero when that is not so.
  absl::Duration wait;
};

// What the database says first (`ERROR:  relation "x" does not exist` and what follows it), for operators; empty where
// it may quote what users store or sent, which is so of the classes 21, 22 and 23 and of what functions raise by
// themselves.
std::string PrimaryMessage(absl::string_view sqlstate, absl::string_view said);

// The failure as statistics name it: `connection_lost`, `too_many_connections`.
absl::string_view NameOf(const Failure& failure);

// Whether a statement that commits by itself may have been applied.
bool InDoubt(const Failure& failure);

// Whether the statement was given up for the sake of a lock: lock_not_available.
inline bool LockedOut(const Failure& failure) { return failure.sqlstate == "55P03"; }

// Whether its connection is of no more use, nor its server to a statement that writes.
bool ConnectionIsGone(const Failure& failure);

// Whether a statement that may be done twice deserves a second try at once, on a new connection if need be.
bool MayRepeat(const Failure& failure);

// For callers, with reason, and a retry delay where waiting helps; without an outcome, which only commits have.
absl::Status ToStatus(const Failure& failure);

// ToStatus, with the outcome of a commit.
absl::Status ToCommitStatus(const Failure& failure);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PG_FAILURE_H_
