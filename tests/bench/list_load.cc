// list_load ADDRESS STALE_DAYS MEASURE_MS: lists all sessions of an authstated over and over, page after page, for at
// least so long, and prints how many milliseconds one listing takes. STALE_DAYS 0 lists them plainly; else only those
// that were not written for so many days, with their sizes, and sorts them by these, as
// `authstatectl session list --stale 30d --sort size` does.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"

namespace authstate::bench {
namespace {

constexpr std::uint32_t kPageSize = 1'000;
constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr std::int64_t kSecondsOfADay = 86'400;

absl::StatusOr<std::vector<v1::Session>> ListAll(v1::AuthStateService::Stub& stub, std::uint32_t stale_days) {
  v1::ListSessionsRequest request;
  request.set_page_size(kPageSize);
  if (stale_days > 0) {
    request.mutable_unwritten_for()->set_seconds(stale_days * kSecondsOfADay);
    request.set_with_size(true);
  }
  std::vector<v1::Session> sessions;
  do {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    v1::ListSessionsResponse page;
    const grpc::Status status = stub.ListSessions(&context, request, &page);
    if (!status.ok()) return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    for (v1::Session& session : *page.mutable_sessions()) sessions.push_back(std::move(session));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::sort(sessions.begin(), sessions.end(),
            [](const v1::Session& one, const v1::Session& other) { return one.stored_bytes() > other.stored_bytes(); });
  return sessions;
}

absl::StatusOr<double> Measure(const std::string& address, std::uint32_t stale_days, absl::Duration measure) {
  const auto stub = v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  const absl::Time began = absl::Now();
  int listings = 0;
  do {
    const absl::StatusOr<std::vector<v1::Session>> sessions = ListAll(*stub, stale_days);
    if (!sessions.ok()) return sessions.status();
    if (sessions->empty()) return absl::NotFoundError("there is nothing to list");
    ++listings;
  } while (absl::Now() - began < measure);
  return absl::ToDoubleMilliseconds(absl::Now() - began) / listings;
}

}  // namespace
}  // namespace authstate::bench

int main(int argc, char** argv) {
  constexpr int kUsageError = 2;
  std::uint32_t stale_days = 0;
  std::uint32_t measure_ms = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &stale_days) || !absl::SimpleAtoi(argv[3], &measure_ms)) {
    std::fprintf(stderr, "usage: %s ADDRESS STALE_DAYS MEASURE_MS\n", argv[0]);
    return kUsageError;
  }
  const auto listing = authstate::bench::Measure(argv[1], stale_days, absl::Milliseconds(measure_ms));
  if (!listing.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], listing.status().ToString().c_str());
    return 1;
  }
  std::printf("%.1f\n", *listing);
  return 0;
}
