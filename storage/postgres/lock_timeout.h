#ifndef AUTHSTATE_STORAGE_POSTGRES_LOCK_TIMEOUT_H_
#define AUTHSTATE_STORAGE_POSTGRES_LOCK_TIMEOUT_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

// How long a statement may wait for a lock. The statement sets it itself, as a pooler in transaction mode keeps no
// setting between statements.
namespace authstate::storage {

// For a statement that begins now and is cut off at `deadline`: half of what is left, so that the database gives up,
// and says that nothing has happened, well before the cut, which would leave that in doubt.
inline absl::Duration LockTimeout(absl::Time deadline) { return (deadline - absl::Now()) / 2; }

// In milliseconds, as PostgreSQL reads it. At least one: zero would mean no limit.
inline std::string EncodeLockTimeout(absl::Duration timeout) {
  constexpr std::int64_t kMost = 1'000'000'000;
  return absl::StrCat(std::clamp(absl::ToInt64Milliseconds(timeout), std::int64_t{1}, kMost));
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LOCK_TIMEOUT_H_
