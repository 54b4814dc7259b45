#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_SQLSTATE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_SQLSTATE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

// What an error of PostgreSQL means for what was asked of it, and so what may be done next. One table (sqlstate.cc).
namespace authstate::storage {

enum class Fault : std::uint8_t {
  // Rolled back for the sake of another transaction: run the same again.
  kAgain,
  // The database took no work: run the same again, on another connection.
  kNeverBegan,
  // The connection broke. What was not yet committed by itself has not happened; a statement that commits by itself, or
  // a COMMIT, is in doubt.
  kLost,
  // The database itself does not know whether it committed.
  kInDoubt,
  // A standby, which takes no writes: connect again, then run the same again.
  kStandby,
  // No room on the disk. Waiting helps only once somebody has made some.
  kDiskFull,
  // Out of memory or another bounded resource; rolled back.
  kOverloaded,
  // Cancelled by a timeout of the database or by its operator; rolled back.
  kCancelled,
  // The stored bytes themselves are damaged.
  kCorrupt,
  // A fault of ours or bad input; the same again would fail again. Rolled back.
  kNever,
};

// The fault of an error with this SQLSTATE, five letters or digits. The empty state, which libpqxx reports for an error
// that did not come from the server, is kLost: libpq has no other errors once a statement is well-formed. A state that
// no row names is kNever.
Fault FaultOf(absl::string_view sqlstate);

// The fault as statistics name it: `connection_lost`.
absl::string_view NameOf(Fault fault);

// Whether the fault may lie in one member of a statement for many (bad input, a damaged row), so that the others
// deserve another try.
bool MayBeOneMembersFault(absl::string_view sqlstate);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_SQLSTATE_H_
