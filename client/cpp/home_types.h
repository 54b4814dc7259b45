#ifndef AUTHSTATE_CLIENT_CPP_HOME_TYPES_H_
#define AUTHSTATE_CLIENT_CPP_HOME_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

// What a server says of write-behind. Plain values, as thread-safe as a std::string; the fields are those of
// proto/authstate/v1/admin_service.proto.
namespace authstate::client {

// How far the database of a server is behind the file of its write-behind.
struct WriteBehindInfo {
  std::string store_id;
  std::string address;
  std::uint64_t sessions = 0;
  std::uint64_t unflushed_sessions = 0;
  std::uint64_t unflushed_commits = 0;
  std::uint64_t unflushed_bytes = 0;
  std::uint64_t orphans = 0;
  // nullopt: nothing waits, or the database answers.
  std::optional<absl::Time> oldest_unflushed_time;
  std::optional<absl::Time> away_since;
};

// A session that is at home in a file of write-behind.
struct HomeInfo {
  std::string session_id;
  std::string store_id;
  std::string address;
  std::uint64_t revision = 0;
  // nullopt: the database was never written to for it.
  std::optional<absl::Time> write_time;
};

// What became of a session that was to be abandoned.
struct AbandonedHome {
  // False: it was not at home there.
  bool abandoned = false;
  std::uint64_t revision = 0;
  // Empty: nobody's.
  std::string owner;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_HOME_TYPES_H_
