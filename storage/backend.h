#ifndef AUTHSTATE_STORAGE_BACKEND_H_
#define AUTHSTATE_STORAGE_BACKEND_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "contract/value.h"
#include "storage/error.h"
#include "storage/grant.h"
#include "storage/lease.h"
#include "storage/recent_commits.h"

// What every store of authentication state does, and every decorator over one.
//
// Batch first. `Apply` and `Read` take the work of many sessions at once and answer each member on its own: a member
// that fails leaves the others alone. A unary call is a batch of one. Batches are what make a durable commit and a
// network round trip cheap, so the interface hands them through whole.
//
// Asynchronous. A call returns without blocking, but for a lone small commit to SQLite (group_writer.h); `done` is
// called exactly once, from any thread, possibly before the call returns, and must not block. So a decorator that knows
// the answer gives it in place, and a driver may hold thousands of calls with a few threads.
//
// Promises, shown for every backend by tests/conformance:
//   1. A commit is atomic, and durable once its result is OK.
//   2. Per session, operations are linearizable: what is called after a result sees that result.
//   3. The session's revision starts at 0, grows by one with every commit, and leaps where a store loses a session that
//      it served for a while (storage/lease.h). It survives kDeleteSession.
//   4. Absence is a value (`std::nullopt`, `exists == false`); a failure is a Status. Neither stands for the other.
//
// Thread-safe. Destroying a backend waits for the calls under way; no call may be made from then on.
namespace authstate::storage {

// The name of a key within its session. Ordered by bytes.
struct KeyName {
  std::string type;
  std::string id;

  friend bool operator==(const KeyName& a, const KeyName& b) { return a.type == b.type && a.id == b.id; }
  friend bool operator!=(const KeyName& a, const KeyName& b) { return !(a == b); }
  friend bool operator<(const KeyName& a, const KeyName& b) {
    const int by_type = a.type.compare(b.type);
    return by_type != 0 ? by_type < 0 : a.id < b.id;
  }
  template <typename H>
  friend H AbslHashValue(H h, const KeyName& name) {
    return H::combine(std::move(h), name.type, name.id);
  }
};

struct KeyWrite {
  KeyName name;
  Value value;
};

// What a key costs beside its name and value, about: framing on the wire, objects in memory.
inline constexpr std::size_t kKeyOverheadBytes = 64;

// What a key counts wherever bytes of keys are bounded. Values alone would not do: one may be empty.
inline std::size_t ByteSize(const KeyName& name, std::size_t value_bytes) {
  return name.type.size() + name.id.size() + value_bytes + kKeyOverheadBytes;
}

// How many commits of a session are remembered by their id, also after the session was deleted.
inline constexpr std::size_t kRecentCommits = 8;

// One atomic change of one session. Names and values are valid by the contract and canonical; a key named twice keeps
// its last write (a delete loses against a set).
struct Commit {
  enum class Action : std::uint8_t {
    // Applies `creds`, `clear_keys`, `sets` and `deletes`, any of which may be empty. Creates the session if need be.
    kWrite,
    // Deletes the creds alone. NotFound when there are none.
    kDeleteCreds,
    // Deletes creds and keys; the session then does not exist, and keeps its revision. NotFound when it does not exist.
    kDeleteSession,
    // As kWrite, and deletes the creds of the session, if it has any; `creds` is empty.
    kWriteWithoutCreds,
  };
  // What a session has been through in another store.
  struct Carried {
    // Greater than the one that the session has here; else RevisionMismatch.
    std::uint64_t revision = 0;
    RecentCommits recent;
  };

  std::string session_id;
  // The same for every attempt at one commit, and of no other commit of the session; 0: none. A commit whose id is one
  // of the last kRecentCommits that the session has had is answered with the revision that it led to then, before
  // anything else is looked at, and changes nothing.
  std::uint64_t id = 0;
  Action action = Action::kWrite;
  std::optional<Value> creds;
  // Deletes every key that is not in `sets`.
  bool clear_keys = false;
  std::vector<KeyWrite> sets;
  std::vector<KeyName> deletes;
  // If set, Aborted unless the session is at this revision.
  std::optional<std::uint64_t> expected_revision;
  // The fence of the session's lease; 0: none. StaleFence unless it is the current one; without one, LeaseHeld while a
  // lease is live (storage/lease.h). Decided in the same step as the commit itself.
  std::uint64_t fence = 0;
  // Its place among the commits under `fence`, from 1; 0: none. Applied only as the next one: one that was applied
  // before is answered with the session's revision and changes nothing; NumberGap when one in between is missing.
  std::uint64_t number = 0;
  // Where a transaction of another program has locked the session: whether to try until the deadline, which then is
  // DeadlineExceeded; else SessionLocked after a moment. In a call for several sessions none waits: no member may hold
  // up the others.
  bool wait_for_lock = true;
  // If set, this stands for all that another store has applied to the session since: afterwards the session has that
  // revision, and those as its last commits, among which this one is not. kDeleteSession is then no failure either
  // where there is nothing to delete.
  std::optional<Carried> carried;

  // Whether it may set keys, and makes the session exist.
  bool writes() const { return action == Action::kWrite || action == Action::kWriteWithoutCreds; }
};

struct Applied {
  // The session's revision after the commit.
  std::uint64_t revision = 0;
};

struct ReadRequest {
  std::string session_id;
  bool want_creds = false;
  std::vector<KeyName> keys;
  // ResourceExhausted (reason kResponseTooLarge) when the values together have more bytes than this.
  std::size_t max_bytes = SIZE_MAX;
  // The fence of the session's lease; 0: none. StaleFence unless it is the current one.
  std::uint64_t fence = 0;
};

// One session's answer; creds, keys and revision are of one moment.
struct ReadResult {
  // Whether the session exists: written, and not deleted since.
  bool exists = false;
  std::uint64_t revision = 0;
  std::optional<Value> creds;
  // One for each requested key, in the order of the request.
  std::vector<std::optional<Value>> values;
};

// What of a session a snapshot shows.
struct SnapshotRequest {
  std::string session_id;
  // Only keys of these types; empty: of every type.
  std::vector<std::string> types;
  // If set, only keys that were last written at least this long before the snapshot, by the clock of the database. A
  // key whose time is not known is not among them.
  std::optional<absl::Duration> unchanged_for;
  bool want_creds = true;
  // Else pages have summaries alone.
  bool want_values = true;
  // Whether pages have summaries beside the values.
  bool want_summaries = false;

  bool summarizes() const { return want_summaries || !want_values; }

  // Whether a key is asked for, at the moment `now` of the snapshot.
  bool Selects(absl::string_view type, std::optional<absl::Time> change_time, absl::Time now) const {
    if (!types.empty() && std::find(types.begin(), types.end(), type) == types.end()) return false;
    return !unchanged_for.has_value() || (change_time.has_value() && *change_time <= now - *unchanged_for);
  }
};

// A key without its value.
struct KeySummary {
  KeyName name;
  // The size of the value as it is stored.
  std::uint64_t stored_bytes = 0;
  // When the key was last written, with another value or the same, by the clock of the database. nullopt: not known.
  std::optional<absl::Time> change_time;
};

// A session as it was at one moment, whatever is written meanwhile. Holds a reader of the backend for as long as it
// lives, so the caller bounds its life. Not thread-safe; destroyed before its backend.
//
// Absence: the last page says that nothing else of the session is what was asked for. A backend that knows what a
// session should have looks at the names of those keys also that were not asked for, and the last page is DataLoss
// where they are not all there. What it does not look at is the value of a key that was not asked for, nor any where
// none is wanted; and nothing tells a time of last change that was damaged.
class Snapshot {
 public:
  struct Page {
    std::vector<KeyWrite> keys;
    // In place of `keys` where no values are wanted; or beside them, one for each.
    std::vector<KeySummary> summaries;
    // No key follows.
    bool last = false;

    bool empty() const { return keys.empty() && summaries.empty(); }
  };
  using PageDone = absl::AnyInvocable<void(absl::StatusOr<Page>) &&>;

  virtual ~Snapshot() = default;

  virtual std::uint64_t revision() const = 0;
  // nullopt also where they are not wanted.
  virtual const std::optional<Value>& creds() const = 0;
  // The lease by which CheckFence judges.
  virtual const Lease& lease() const = 0;
  virtual const RecentCommits& recent_commits() const = 0;

  // The next keys, ordered by name (where key ids are hidden, by type and what stands in their place): as many as fit
  // `max_bytes`, each with its ByteSize (without values: that of an empty one), at least one unless none is left. One
  // call at a time; none after a failure or the last page.
  virtual void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) = 0;
};

struct ListRequest {
  // Only sessions whose id starts with this.
  std::string prefix;
  // Only sessions whose id is greater than this, by bytes.
  std::string after;
  // At most this many; at least 1.
  std::size_t limit = 0;
  // Only sessions whose lease is live, and those also where nothing was written yet.
  bool leased = false;
  // Unless `leased`: also sessions that do not exist, but have a revision or a fence: those that were deleted, and
  // those of which there never was more than a lease.
  bool with_gone = false;
  // If not empty, only sessions under a lease whose owner starts with this.
  std::string owner_prefix;
  // If set, only sessions whose last write is at least this long ago, by the clock of the database.
  std::optional<absl::Duration> unwritten_for;
  // If set, only sessions that have creds, or only those that have none.
  std::optional<bool> has_creds;
  // Whether to tell `stored_bytes`.
  bool want_size = false;
};

struct SessionSummary {
  std::string session_id;
  std::uint64_t revision = 0;
  bool has_creds = false;
  std::uint64_t key_count = 0;
  absl::Time update_time;
  Lease lease;
  // The size of the creds and all values of keys, as they are stored; 0 where it is not wanted.
  std::uint64_t stored_bytes = 0;
};

// Keys whose stamp of expiry has passed. Only what is safe to lose may be named: a client asks WhatsApp for it again. A
// Signal session, a pre-key or a sender key that is gone breaks decryption, however old it is.
struct PurgeRequest {
  std::vector<std::string> types;
  // Counts, and deletes nothing.
  bool dry_run = false;
};

inline constexpr absl::string_view kPurgeableTypes[] = {"lid-mapping", "device-list", "tctoken"};

// What a backend is, for people. Holds no secret.
struct Description {
  // `sqlite`, `postgres`, `memory`.
  std::string kind;
  // How the operator calls it: the connection profile (`timeweb`), else the same as `kind`.
  std::string name;
  // A file path, or `host:port/database`.
  std::string location;
  // Version of the schema in force; 0 for a backend that has none.
  std::uint32_t schema_version = 0;
  // `native` or `legacy`; empty for a backend that has no choice.
  std::string layout;
  // TLS version and how the peer was verified (`TLSv1.3, verify-full`); empty without TLS.
  std::string tls;
  // `none`, `session` or `transaction`; empty for a backend that has no connections.
  std::string pooler;
  // Made with the store, and the same for all that serve it; empty where the store has none.
  std::string store_id;
  // Whether keyed hashes stand in the place of key ids (storage/sealing/hidden_names.h).
  bool hides_key_ids = false;
};

class Backend {
 public:
  using ApplyDone = absl::AnyInvocable<void(std::vector<absl::StatusOr<Applied>>) &&>;
  using ReadDone = absl::AnyInvocable<void(std::vector<absl::StatusOr<ReadResult>>) &&>;
  using SnapshotDone = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<Snapshot>>) &&>;
  using ListDone = absl::AnyInvocable<void(absl::StatusOr<std::vector<SessionSummary>>) &&>;
  // The number of keys of each type; a type without any is left out.
  using PurgeDone = absl::AnyInvocable<void(absl::StatusOr<std::map<std::string, std::uint64_t>>) &&>;
  using LeasesDone = absl::AnyInvocable<void(std::vector<absl::StatusOr<LeaseResult>>) &&>;
  using GrantsDone = absl::AnyInvocable<void(absl::StatusOr<GrantResult>) &&>;
  using PingDone = absl::AnyInvocable<void(absl::Status) &&>;

  virtual ~Backend() = default;

  // Applies every commit; result i is that of commit i. Commits of one session are applied in the order of the batch.
  // Work that has not begun by `deadline` fails with DeadlineExceeded, NOT_APPLIED; work under way then is cut off
  // where the database allows it. A failed member carries an outcome (storage/error.h). Besides the errors named above:
  // Unavailable, ResourceExhausted, DeadlineExceeded, DataLoss, Internal.
  virtual void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) = 0;

  // Answers every request; result i is that of request i.
  virtual void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) = 0;

  // Opens a snapshot; NotFound when the session does not exist, ResourceExhausted when too many are open.
  virtual void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) = 0;

  // Existing (or leased, or gone) sessions in the order of their id, by bytes. Fewer than `limit` means that none
  // follows.
  virtual void List(ListRequest request, absl::Time deadline, ListDone done) = 0;

  // Does every request; result i is that of request i. Requests of one session take place in the order of the batch.
  // Safe to repeat but for kRelease, which then finds a stale fence.
  virtual void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) = 0;

  // Deletes expired keys, each session's in a commit of its own that names no fence; those of a session that is being
  // written or whose lease is live stay for the next time. InvalidArgument for a type that is not in kPurgeableTypes;
  // FailedPrecondition where keys do not expire, which is everywhere but in tables that other programs stamp.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): those that override it move it on.
  virtual void PurgeExpired(PurgeRequest /*request*/, absl::Time /*deadline*/, PurgeDone done) {
    std::move(done)(NothingExpires());
  }

  // Lists or changes who may do what, or whether there is maintenance. Safe to repeat. A failed change carries an
  // outcome.
  virtual void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) = 0;

  // Asks the database for a sign of life, past every cache and queue that could hide an outage.
  virtual void Ping(absl::Time deadline, PingDone done) = 0;

  virtual Description Describe() const = 0;

  // InvalidArgument, reason kNotInLayout, NOT_APPLIED, for a commit of what the tables in force cannot hold. What it
  // lets pass is not refused for that by Apply. Asks no database.
  virtual absl::Status CheckHolds(const Commit& /*commit*/) const { return absl::OkStatus(); }
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_BACKEND_H_
