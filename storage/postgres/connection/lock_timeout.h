#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_LOCK_TIMEOUT_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_LOCK_TIMEOUT_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

// How long a statement may wait for a lock: as long as it takes others of our kind to be done with a row, which is some
// milliseconds. Who waits longer waits for somebody of another kind (a transaction that was left open), and would keep
// its connection from all others; so it is put back (put_back.h). The statement sets the time-out itself, as a pooler
// in transaction mode keeps no setting between statements.
namespace authstate::storage {

// A first try waits for so long.
inline constexpr absl::Duration kLockPatience = absl::Milliseconds(100);
// A try after one that had to give up waits for less: the lock is there for longer, and only its end is awaited.
inline constexpr absl::Duration kRepeatedLockPatience = absl::Milliseconds(25);

inline absl::Duration LockPatience(bool repeated) { return repeated ? kRepeatedLockPatience : kLockPatience; }

// As PostgreSQL reads a time-out. At least one: zero would mean no limit.
inline std::string EncodeLockTimeout(absl::Duration duration) {
  constexpr std::int64_t kMost = 1'000'000'000;
  return absl::StrCat(std::clamp(absl::ToInt64Milliseconds(duration), std::int64_t{1}, kMost));
}

// For a statement that begins now and is cut off at `deadline`: no more than half of what is left, so that the database
// gives up, and says that nothing has happened, well before the cut, which would leave that in doubt.
inline absl::Duration LockTimeout(absl::Duration patience, absl::Time deadline) {
  return std::min(patience, (deadline - absl::Now()) / 2);
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_LOCK_TIMEOUT_H_
