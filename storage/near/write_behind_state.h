#ifndef AUTHSTATE_STORAGE_NEAR_WRITE_BEHIND_STATE_H_
#define AUTHSTATE_STORAGE_NEAR_WRITE_BEHIND_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace authstate::storage {

// How far the far store is behind the near one, at one moment, for operators. The counts are those of this process:
// what it found in the file when it started is among them.
struct WriteBehindState {
  // The near store's, as homes are named after it.
  std::string store_id;
  // What others are told to go to; may be empty.
  std::string address;
  // That are at home, or on their way there or back.
  std::uint64_t sessions = 0;
  // Those of them that have something to flush; how many commits, and about how many bytes, that is.
  std::uint64_t dirty_sessions = 0;
  std::uint64_t commits = 0;
  std::uint64_t bytes = 0;
  // What was put aside as others had taken its session, and was not discarded since.
  std::uint64_t orphans = 0;
  // Since when the oldest of it waits; nullopt: nothing does.
  std::optional<absl::Time> oldest;
  // Since when the far store does not answer; nullopt: it does.
  std::optional<absl::Time> away_since;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_WRITE_BEHIND_STATE_H_
