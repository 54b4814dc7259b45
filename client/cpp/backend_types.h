#ifndef AUTHSTATE_CLIENT_CPP_BACKEND_TYPES_H_
#define AUTHSTATE_CLIENT_CPP_BACKEND_TYPES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/home_types.h"

// What a server says of its configured backends. Plain values, as thread-safe as a std::string; the fields are those of
// proto/authstate/v1/admin_service.proto.
namespace authstate::client {

// How far a backend is behind that is kept equal.
struct FollowInfo {
  absl::Time since;
  // nullopt: the first round is not over.
  std::optional<absl::Time> equal_time;
  std::uint64_t differing_sessions = 0;
  std::string error;
};

struct BackendInfo {
  std::string name;
  // Empty for a backend that was never open.
  std::string kind;
  std::string location;
  std::string layout;
  std::string tls;
  std::string pooler;
  std::uint32_t schema_version = 0;
  bool serving = false;
  std::optional<absl::Time> serving_since;
  std::uint32_t connections = 0;
  std::uint64_t statements = 0;
  std::uint64_t errors = 0;
  std::map<std::string, std::uint64_t> errors_by_class;
  std::uint64_t statements_last_minute = 0;
  std::uint64_t errors_last_minute = 0;
  absl::Duration median_latency;
  absl::Duration p99_latency;
  // What a probe found: empty when the backend can be used, else why not.
  std::optional<std::string> probe_error;
  // nullopt: it is not kept equal to the one that serves.
  std::optional<FollowInfo> following;
};

struct Backends {
  std::vector<BackendInfo> backends;
  // nullopt: the server has no write-behind.
  std::optional<WriteBehindInfo> write_behind;
};

struct SwitchOptions {
  std::string target;
  bool force = false;
  absl::Duration max_pause = absl::Seconds(1);
  bool sync = false;
  bool overwrite = false;
  bool follow = false;
};

struct SyncOptions {
  enum class Mode : std::uint8_t { kSync, kDryRun, kVerify };
  std::string target;
  Mode mode = Mode::kSync;
  bool overwrite = false;
  bool follow = false;
  // 0: no bound.
  std::uint64_t max_bytes_per_second = 0;
};

struct SwitchProgress {
  enum class Phase : std::uint8_t { kOpening, kComparing, kPaused, kSwitched };
  Phase phase = Phase::kOpening;
  std::uint32_t round = 0;
  std::uint64_t compared = 0;
  std::uint64_t total = 0;
};

struct SessionDifference {
  std::string session_id;
  std::string what;
};

struct SwitchResult {
  bool switched = false;
  std::string from;
  absl::Duration pause;
  std::uint64_t sessions_compared = 0;
  std::uint64_t other_revisions = 0;
  std::uint64_t differing_sessions = 0;
  // Some of them.
  std::vector<SessionDifference> differences;
  std::uint64_t sessions_copied = 0;
};

struct SyncResult {
  // Empty: the server gave no result.
  std::string from;
  std::uint64_t sessions_equal = 0;
  std::uint64_t sessions_copied = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t differing_sessions = 0;
  std::uint64_t refused_sessions = 0;
  // Some of those that differ.
  std::vector<SessionDifference> differences;
};

struct CopyProgress {
  std::uint64_t copied_bytes = 0;
  std::uint64_t total_bytes = 0;
  // Whether all are copied, and are being read back.
  bool checking = false;
};

// A copy of the store, on the server's machine.
struct StoreCopy {
  std::string path;
  std::uint64_t bytes = 0;
  // All that was acknowledged before this is in it.
  absl::Time time;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_BACKEND_TYPES_H_
