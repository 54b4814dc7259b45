#ifndef AUTHSTATE_SERVER_RPC_CALL_COUNTS_H_
#define AUTHSTATE_SERVER_RPC_CALL_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/access/refusals.h"
#include "server/rpc/methods.h"
#include "storage/counts/histogram.h"

namespace authstate::server {

// The codes of gRPC, by their number.
inline constexpr absl::string_view kCodeNames[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// What callers have asked for since the start: how often, how it ended by the code that they were told, and how long
// it took. Whoever was refused as a caller counts among those too. Thread-safe, without a lock.
class CallCounts {
 public:
  using Counter = std::atomic<std::uint64_t>;
  using ByCode = std::array<Counter, std::size(kCodeNames)>;

  struct OfMethod {
    absl::string_view service;
    absl::string_view method;
    Counter started = 0;
    ByCode ended{};
    storage::Histogram seconds{storage::kDurationBounds};
  };

  CallCounts();

  // `method` is one of server/rpc/methods.h.
  OfMethod& Of(const Method& method) { return *by_method_.at(&method); }
  void End(OfMethod& call, const absl::Status& status, absl::Duration took);
  // Counts an operation of a pipe, by its place in pipe::kOperations.
  void EndOperation(std::size_t operation, const absl::Status& status);
  // Nothing, where `status` is no refusal of a caller. The others do this too.
  void CountRefusal(const absl::Status& status);

  // In the order of methods.h.
  const std::array<OfMethod, std::size(rpc::kAuthStateMethods) + std::size(rpc::kAdminMethods)>& methods() const {
    return methods_;
  }
  const ByCode& operation(std::size_t operation) const { return operations_.at(operation); }
  // How often callers were refused for the reason kRefusals[i].
  std::uint64_t refused(std::size_t i) const { return refused_.at(i).load(std::memory_order_relaxed); }

 private:
  std::array<OfMethod, std::size(rpc::kAuthStateMethods) + std::size(rpc::kAdminMethods)> methods_;
  absl::flat_hash_map<const Method*, OfMethod*> by_method_;
  std::array<ByCode, std::size(pipe::kOperations)> operations_{};
  std::array<Counter, std::size(kRefusals)> refused_{};
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_CALL_COUNTS_H_
