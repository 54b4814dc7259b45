#include "storage/lease.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// But the fence of a store, under which whoever knew it could write in its name.
absl::Status WithLease(absl::Status status, const Lease& lease) {
  status = WithOwner(WithOutcome(std::move(status), Outcome::kNotApplied), lease.owner);
  return lease.at_home() ? status : WithFence(std::move(status), lease.fence);
}

void PassTo(std::string owner, std::uint64_t fence, Lease* lease) {
  lease->owner = std::move(owner);
  lease->fence = fence;
}

void Extend(absl::Duration ttl, absl::Time now, Lease* lease) {
  lease->expire_time = now + ttl;
  lease->remaining = ttl;
}

void End(std::uint64_t fence, Lease* lease) {
  PassTo("", fence, lease);
  lease->expire_time = absl::InfinitePast();
  lease->remaining = -absl::InfiniteDuration();
}

// Before the lease becomes that of another, without its owner's doing.
void LeapPastHome(LeaseResult* session) {
  if (session->lease.at_home()) session->revision += kRevisionsOfAHome;
}

}  // namespace

bool Lease::at_home() const { return absl::StartsWith(owner, kHomeOwnerPrefix); }

absl::Status Advance(const LeaseRequest& request, absl::Time now, LeaseResult* session) {
  Lease& lease = session->lease;
  switch (request.action) {
    case LeaseRequest::Action::kGet:
      return absl::OkStatus();
    case LeaseRequest::Action::kAcquire:
      if (lease.owner != request.owner) {
        if (lease.live() && !request.steal) return LeaseHeld(lease);
        LeapPastHome(session);
        PassTo(request.owner, lease.fence + request.fence_step, &lease);
        session->applied_number = 0;
      }
      Extend(request.ttl, now, &lease);
      return absl::OkStatus();
    case LeaseRequest::Action::kRenew:
      if (absl::Status checked = CheckFence(lease, request.fence); !checked.ok()) return checked;
      Extend(request.ttl, now, &lease);
      return absl::OkStatus();
    case LeaseRequest::Action::kRelease:
      if (absl::Status checked = CheckFence(lease, request.fence); !checked.ok()) return checked;
      LeapPastHome(session);
      End(lease.fence + 1, &lease);
      session->applied_number = 0;
      return absl::OkStatus();
    case LeaseRequest::Action::kPass:
      if (absl::Status checked = CheckFence(lease, request.fence); !checked.ok()) return checked;
      if (request.expected_number.value_or(session->applied_number) != session->applied_number) {
        return NumberGap(*request.expected_number, session->applied_number);
      }
      if (request.owner.empty()) {
        End(request.next_fence, &lease);
      } else {
        PassTo(request.owner, request.next_fence, &lease);
        Extend(request.ttl, now, &lease);
      }
      session->applied_number = request.applied_number.value_or(session->applied_number);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

std::optional<absl::Duration> LeftAfterMaintenance(const Lease& lease, absl::Time since) {
  if (!lease.held() || lease.at_home() || lease.expire_time <= since) return std::nullopt;
  return std::max(kLeaseAfterMaintenance, lease.expire_time - since);
}

absl::Status CheckFence(const Lease& lease, std::uint64_t fence) {
  return lease.held() && lease.fence == fence ? absl::OkStatus() : StaleFence(lease);
}

absl::Status AdvanceForUnfencedCommit(Lease* lease) {
  if (lease->live()) return LeaseHeld(*lease);
  if (lease->held()) End(lease->fence + 1, lease);
  return absl::OkStatus();
}

absl::Status LeaseHeld(const Lease& lease) {
  return WithLease(Error(absl::StatusCode::kFailedPrecondition, kLeaseHeld,
                         absl::StrCat("the session has a live lease, of ", lease.owner)),
                   lease);
}

absl::Status StaleFence(const Lease& lease) {
  return WithLease(
      Error(absl::StatusCode::kFailedPrecondition, kStaleFence,
            lease.held() ? absl::StrCat("fence: not the current one; the session's lease is that of ", lease.owner)
                         : std::string("fence: not the current one; nobody has the session's lease")),
      lease);
}

}  // namespace authstate::storage
