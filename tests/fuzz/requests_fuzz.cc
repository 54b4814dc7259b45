// Validation of every request of AuthStateService. The first byte of an input chooses the request, the rest is its
// bytes on the wire.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "authstate/v1/auth_state_service.pb.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/lease_validation.h"
#include "server/handlers/request_validation.h"
#include "server/handlers/selection_validation.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/valid_work.h"

namespace authstate::fuzz {
namespace {

void CheckWork(const server::Loading& loading, Session /*session*/) {
  Hold(CheckSessionId(loading.snapshot.session_id).ok(), "the session's id is one");
  Hold(loading.page_bytes > 0 && loading.page_bytes <= kMaxLoadPageBytes, "pages are within their limit");
  for (const auto& type : loading.snapshot.types) Hold(CheckKeyType(type).ok(), "types are of the contract");
}

void CheckWork(const server::Listing& listing, Session /*session*/) {
  Hold(CheckSessionIdPrefix(listing.list.prefix).ok(), "the prefix is one");
  Hold(listing.list.limit > 0 && listing.list.limit <= kMaxListPageSize, "pages are within their limit");
  Hold(listing.states.empty() || listing.want_state, "states that are filtered by are read");
}

template <typename Request>
void Check(absl::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto work = server::Validate(std::move(request));
  Hold(work.ok() || absl::IsInvalidArgument(work.status()), "what is refused is InvalidArgument");
  if (work.ok()) CheckWork(*work, Session::kNamed);
}

// In an order that stays, as inputs of the corpus count on it.
constexpr void (*kChecks[])(absl::string_view) = {
    Check<v1::GetCredsRequest>,     Check<v1::GetKeysRequest>,       Check<v1::SetCredsRequest>,
    Check<v1::DeleteCredsRequest>,  Check<v1::SetKeysRequest>,       Check<v1::DeleteKeysRequest>,
    Check<v1::CommitRequest>,       Check<v1::DeleteSessionRequest>, Check<v1::LoadSessionRequest>,
    Check<v1::ListSessionsRequest>, Check<v1::AcquireLeaseRequest>,  Check<v1::RenewLeaseRequest>,
    Check<v1::ReleaseLeaseRequest>, Check<v1::GetLeaseRequest>,
};

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // It would tell of every string that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  absl::string_view bytes = authstate::fuzz::TextOf(data, size);
  const std::size_t choice = authstate::fuzz::TakeByte(&bytes);
  authstate::fuzz::kChecks[choice % std::size(authstate::fuzz::kChecks)](bytes);
  return 0;
}
