#include "server/log/lease_events.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

// Sessions remembered, so that those that come and go cannot fill the memory: about 20 MB.
constexpr std::size_t kMaxHolders = 100'000;

void AddIfKnown(absl::string_view name, std::string value, LogFields* fields) {
  if (!value.empty()) fields->emplace_back(name, std::move(value));
}

}  // namespace

std::optional<Event> LeaseEvents::Of(const storage::LeaseRequest& request,
                                     const absl::StatusOr<storage::LeaseResult>& result) {
  using Action = storage::LeaseRequest::Action;
  const auto reason = storage::ReasonOf(result.status());
  switch (request.action) {
    case Action::kAcquire:
      if (result.ok()) return Gained(request, result->lease);
      if (reason != storage::kLeaseHeld) return std::nullopt;
      ++counts_.refused;
      return Refused(request, result.status());
    case Action::kRenew:
      if (reason == storage::kStaleFence) return Lost(request, result.status());
      if (result.ok()) Renewed(request, result->lease);
      return std::nullopt;
    case Action::kRelease:
      if (result.ok()) return Released(request);
      return std::nullopt;
    case Action::kGet:
    // Stores alone ask for it.
    case Action::kPass:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string LeaseEvents::OwnerOf(const std::string& session_id, std::uint64_t fence) const {
  const auto found = holders_.find(session_id);
  return found != holders_.end() && found->second.fence == fence ? found->second.owner : "";
}

std::optional<Event> LeaseEvents::Gained(const storage::LeaseRequest& request, const storage::Lease& lease) {
  Holder& holder = Remember(request.session_id);
  const absl::Time now = absl::Now();
  if (holder.fence == lease.fence) {
    holder.end = now + lease.remaining;
    return std::nullopt;
  }
  ++counts_.gained;
  if (request.steal && holder.owner != request.owner && holder.end > now) ++counts_.stolen;
  Event event{"lease gained",
              {{"session_id", request.session_id}, {"owner", request.owner}, {"fence", absl::StrCat(lease.fence)}}};
  AddIfKnown("owner_before", std::move(holder.owner), &event.fields);
  if (request.steal) event.fields.emplace_back("steal", "yes");
  holder.Become(request.owner, lease.fence, now + lease.remaining);
  return event;
}

void LeaseEvents::Renewed(const storage::LeaseRequest& request, const storage::Lease& lease) {
  const auto found = holders_.find(request.session_id);
  if (found != holders_.end() && found->second.fence == lease.fence) found->second.end = absl::Now() + lease.remaining;
}

std::optional<Event> LeaseEvents::Refused(const storage::LeaseRequest& request, const absl::Status& status) {
  Holder& holder = Remember(request.session_id);
  const std::uint64_t fence = storage::FenceOf(status).value_or(0);
  if (holder.fence == fence && holder.refused == request.owner) return std::nullopt;
  holder.Become(storage::OwnerOf(status).value_or(""), fence,
                holder.fence == fence ? holder.end : absl::InfiniteFuture());
  holder.refused = request.owner;
  Event event{"lease refused: it has an owner", {{"session_id", request.session_id}, {"refused", request.owner}}};
  AddIfKnown("owner", holder.owner, &event.fields);
  return event;
}

std::optional<Event> LeaseEvents::Lost(const storage::LeaseRequest& request, const absl::Status& status) {
  const auto found = holders_.find(request.session_id);
  if (found != holders_.end() && request.fence <= found->second.lost) return std::nullopt;
  ++counts_.lost;
  Event event{"lease lost", {{"session_id", request.session_id}, {"fence", absl::StrCat(request.fence)}}};
  AddIfKnown("owner", OwnerOf(request.session_id, request.fence), &event.fields);
  AddIfKnown("owner_now", storage::OwnerOf(status).value_or(""), &event.fields);
  const std::uint64_t fence = storage::FenceOf(status).value_or(0);
  Holder& holder = Remember(request.session_id);
  holder.lost = request.fence;
  const std::string owner = storage::OwnerOf(status).value_or("");
  if (holder.fence < fence) holder.Become(owner, fence, owner.empty() ? absl::InfinitePast() : absl::InfiniteFuture());
  return event;
}

Event LeaseEvents::Released(const storage::LeaseRequest& request) {
  ++counts_.released;
  Event event{"lease released", {{"session_id", request.session_id}, {"fence", absl::StrCat(request.fence)}}};
  AddIfKnown("owner", OwnerOf(request.session_id, request.fence), &event.fields);
  holders_.erase(request.session_id);
  return event;
}

LeaseEvents::Holder& LeaseEvents::Remember(const std::string& session_id) {
  // Any session may be forgotten: the next line about it then tells less.
  if (holders_.size() >= kMaxHolders && !holders_.contains(session_id)) holders_.erase(holders_.begin());
  return holders_[session_id];
}

}  // namespace authstate::server
