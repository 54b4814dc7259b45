#ifndef AUTHSTATE_CLIENT_CPP_TYPES_H_
#define AUTHSTATE_CLIENT_CPP_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/home_types.h"
#include "contract/session_state.h"
#include "contract/value.h"

// What the client takes and answers, in types of its own: plain values, as thread-safe as a std::string. Shapes and
// limits are those of proto/authstate/v1.
namespace authstate::client {

// The name of a key within its session. Ordered by bytes, type first.
struct KeyName {
  std::string type;
  std::string id;

  friend bool operator==(const KeyName& a, const KeyName& b) { return a.type == b.type && a.id == b.id; }
  friend bool operator!=(const KeyName& a, const KeyName& b) { return !(a == b); }
  friend bool operator<(const KeyName& a, const KeyName& b) {
    const int by_type = a.type.compare(b.type);
    return by_type != 0 ? by_type < 0 : a.id < b.id;
  }
};

struct KeyEntry {
  KeyName name;
  Value value;

  friend bool operator==(const KeyEntry& a, const KeyEntry& b) { return a.name == b.name && a.value == b.value; }
  friend bool operator!=(const KeyEntry& a, const KeyEntry& b) { return !(a == b); }
};

struct Creds {
  Value value;
  // The session's revision at which they were read.
  std::uint64_t revision = 0;
};

struct Keys {
  // Both in the order of the request; together they name every requested key once.
  std::vector<KeyEntry> found;
  std::vector<KeyName> absent;
  // 0 when the session was never written.
  std::uint64_t revision = 0;
};

// One atomic change of one session.
struct CommitRequest {
  std::string session_id;
  std::optional<Value> creds;
  std::vector<KeyEntry> sets;
  std::vector<KeyName> deletes;
  // Deletes every key that is not in `sets`.
  bool clear_keys = false;
  // If set, applied only when the session is at this revision (0: never written).
  std::optional<std::uint64_t> expected_revision;
  // Random, and the same however often this commit is sent, also by another client; 0: the client chooses one, which
  // its retries keep.
  std::uint64_t commit_id = 0;
  // The fence of the session's lease; 0: none.
  std::uint64_t fence = 0;
  // The session's revision after it, which has to be greater than the present one; 0: the next one.
  std::uint64_t carried_revision = 0;
};

// Who may change a session.
struct Lease {
  // Empty: nobody's.
  std::string owner;
  // Grows with every change of owner; 0: the session never had a lease.
  std::uint64_t fence = 0;
  // For how long it still lives, counted from the moment the request was sent; zero when it has expired.
  absl::Duration remaining;
  // By the clock of the database; InfinitePast when nobody has it.
  absl::Time expire_time = absl::InfinitePast();
};

// A key without its value.
struct KeySummary {
  KeyName name;
  // The size of the value as it is stored.
  std::uint64_t stored_bytes = 0;
  // When the key was last written, with another value or the same, by the clock of the database. nullopt: not known.
  std::optional<absl::Time> change_time;
};

// What of a session is loaded.
struct SessionSelection {
  // Only keys of these types; empty: of every type.
  std::vector<std::string> types;
  // If set, only keys that were last written at least this long ago; one whose time is not known is not among them.
  std::optional<absl::Duration> unchanged_for;
  bool without_creds = false;
  // Pages then have summaries in place of keys.
  bool without_values = false;
};

// A part of a session, from one consistent snapshot.
struct SessionPage {
  // The same in every page of a snapshot.
  std::uint64_t revision = 0;
  // In the first page only, and only if the session has creds.
  std::optional<Value> creds;
  std::vector<KeyEntry> keys;
  std::vector<KeySummary> summaries;
};

struct SessionSummary {
  std::string session_id;
  std::uint64_t revision = 0;
  bool has_creds = false;
  std::uint64_t key_count = 0;
  // By the clock of the database.
  absl::Time update_time;
  Lease lease;
  // The size of the creds and all values of keys, as they are stored; 0 where it was not asked for.
  std::uint64_t stored_bytes = 0;
  // nullopt where it was not asked for, or is one that this client does not know.
  std::optional<SessionState> state;
  // Whether nothing changes the session without moving its revision.
  bool revision_tells_all = false;
};

// Which sessions a listing holds.
struct SessionFilter {
  // Those whose id starts with this.
  std::string prefix;
  // Those whose lease is live, and those also where nothing was written yet.
  bool leased = false;
  // If set, those whose last write is at least this long ago.
  std::optional<absl::Duration> unwritten_for;
  // If set, those that have creds, or those that have none.
  std::optional<bool> has_creds;
  // Those in one of these states; empty: in any. The server reads the creds of each for it.
  std::vector<SessionState> states;
  // What to tell of each beside the rest.
  bool with_size = false;
  bool with_state = false;
};

struct SessionListing {
  // Ids of rows of the legacy tables that break the rule of session ids, each cut after 128 bytes: no call can name
  // them.
  std::vector<std::string> unaddressable_ids;
};

// Maintenance that is to begin.
struct MaintenanceTerms {
  std::string reason;
  absl::Duration hold = absl::Seconds(30);
  std::vector<std::string> allowed_prefixes;
};

// Maintenance that there is.
struct MaintenanceInfo {
  MaintenanceTerms terms;
  absl::Time begin_time;
  // Until no server can be left that has not heard of it; zero: none is.
  absl::Duration settle_time;
  // At the server that was asked.
  std::uint64_t writes_under_way = 0;
  std::uint64_t held_writes = 0;
};

struct ServerInfo {
  std::string version;
  // `sqlite`, `postgres` or `memory`, and where it keeps its data; neither holds a secret.
  std::string backend;
  std::string location;
  std::uint32_t schema_version = 0;
  // Empty where they say nothing of the backend.
  std::string profile;
  std::string layout;
  std::string tls;
  std::string pooler;
  absl::Duration uptime;
  // Whether the server counts its backend as reachable.
  bool serving = false;

  // In bytes, but for the operations.
  struct Limits {
    std::uint32_t session_id_bytes = 0;
    std::uint32_t key_type_bytes = 0;
    std::uint32_t key_id_bytes = 0;
    std::uint32_t value_bytes = 0;
    std::uint32_t commit_bytes = 0;
    std::uint32_t commit_operations = 0;
    std::uint32_t message_bytes = 0;
  };
  Limits limits;
  // nullopt: it has no write-behind.
  std::optional<WriteBehindInfo> write_behind;
  // nullopt: there is none.
  std::optional<MaintenanceInfo> maintenance;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_TYPES_H_
