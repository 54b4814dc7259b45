#ifndef AUTHSTATE_SERVER_LOG_LEASE_EVENTS_H_
#define AUTHSTATE_SERVER_LOG_LEASE_EVENTS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/log/logging.h"
#include "storage/lease.h"

namespace authstate::server {

// How often leases changed hands at this server since it began. Thread-safe.
struct LeaseCounts {
  using Counter = std::atomic<std::uint64_t>;

  // Those that were stolen are among those that were gained: from another owner, whose lease was live as far as this
  // server knows, which does not know one that came from another server.
  Counter gained = 0;
  Counter stolen = 0;
  // As another owner has the lease, however often the same one asks.
  Counter refused = 0;
  // An owner was told so by a renewal; once under each fence.
  Counter lost = 0;
  Counter released = 0;
};

struct Event {
  absl::string_view message;
  LogFields fields;
};

// Makes of lease requests and their results what is worth a line. It remembers who had each session when this server
// last heard of it: a request names no owner but the one that wants the lease, and whoever asks again and again is told
// of once. What it has made a line of is counted. Not thread-safe.
class LeaseEvents {
 public:
  explicit LeaseEvents(LeaseCounts* counts) : counts_(*counts) {}

  std::optional<Event> Of(const storage::LeaseRequest& request, const absl::StatusOr<storage::LeaseResult>& result);

  // The owner under this fence, as far as it is known; else empty.
  std::string OwnerOf(const std::string& session_id, std::uint64_t fence) const;

 private:
  struct Holder {
    void Become(std::string new_owner, std::uint64_t new_fence, absl::Time new_end) {
      owner = std::move(new_owner);
      fence = new_fence;
      end = new_end;
      refused.clear();
    }

    std::string owner;
    std::uint64_t fence = 0;
    // Until when the lease is live, by the clock of this machine. InfiniteFuture: it was live when last heard of.
    absl::Time end = absl::InfinitePast();
    // The latest fence whose owner was told that it is no longer the current one.
    std::uint64_t lost = 0;
    // The owner whose acquisition this lease refused last.
    std::string refused;
  };

  std::optional<Event> Gained(const storage::LeaseRequest& request, const storage::Lease& lease);
  void Renewed(const storage::LeaseRequest& request, const storage::Lease& lease);
  std::optional<Event> Refused(const storage::LeaseRequest& request, const absl::Status& status);
  std::optional<Event> Lost(const storage::LeaseRequest& request, const absl::Status& status);
  Event Released(const storage::LeaseRequest& request);
  // The place for what is known of a session.
  Holder& Remember(const std::string& session_id);

  LeaseCounts& counts_;
  absl::flat_hash_map<std::string, Holder> holders_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_LEASE_EVENTS_H_
