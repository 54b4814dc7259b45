#ifndef AUTHSTATE_TESTS_CONFORMANCE_LEASE_REQUESTS_H_
#define AUTHSTATE_TESTS_CONFORMANCE_LEASE_REQUESTS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "storage/lease.h"

namespace authstate::conformance {

using storage::LeaseRequest;

inline constexpr absl::Duration kLong = absl::Hours(1);

inline LeaseRequest Get(std::string session_id) {
  LeaseRequest request;
  request.session_id = std::move(session_id);
  return request;
}

inline LeaseRequest Acquire(std::string session_id, std::string owner, absl::Duration ttl = kLong) {
  LeaseRequest request = Get(std::move(session_id));
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = std::move(owner);
  request.ttl = ttl;
  return request;
}

inline LeaseRequest Steal(std::string session_id, std::string owner) {
  LeaseRequest request = Acquire(std::move(session_id), std::move(owner));
  request.steal = true;
  return request;
}

inline LeaseRequest Renew(std::string session_id, std::uint64_t fence, absl::Duration ttl = kLong) {
  LeaseRequest request = Get(std::move(session_id));
  request.action = LeaseRequest::Action::kRenew;
  request.fence = fence;
  request.ttl = ttl;
  return request;
}

inline LeaseRequest Release(std::string session_id, std::uint64_t fence) {
  LeaseRequest request = Get(std::move(session_id));
  request.action = LeaseRequest::Action::kRelease;
  request.fence = fence;
  return request;
}

inline LeaseRequest Pass(std::string session_id, std::uint64_t fence, std::string owner, std::uint64_t next_fence,
                         absl::Duration ttl = kLong) {
  LeaseRequest request = Renew(std::move(session_id), fence, ttl);
  request.action = LeaseRequest::Action::kPass;
  request.owner = std::move(owner);
  request.next_fence = next_fence;
  return request;
}

}  // namespace authstate::conformance

#endif  // AUTHSTATE_TESTS_CONFORMANCE_LEASE_REQUESTS_H_
