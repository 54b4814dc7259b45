#include "client/cpp/client.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/messages/conversion.h"
#include "contract/limits.h"

namespace authstate::client {

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

absl::StatusOr<Creds> Client::GetCreds(const std::string& session_id) {
  v1::GetCredsRequest request;
  request.set_session_id(session_id);
  v1::GetCredsResponse response;
  const absl::Status status = impl_->Read(Rpc::kGetCreds, &Impl::Store::GetCreds, request, &response);
  if (!status.ok()) return status;
  absl::StatusOr<Value> value = FromMessage(std::move(*response.mutable_creds()));
  if (!value.ok()) return value.status();
  return Creds{*std::move(value), response.revision()};
}

absl::StatusOr<std::uint64_t> Client::SetCreds(const std::string& session_id, Value creds,
                                               std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::SetCredsRequest request;
  request.set_session_id(session_id);
  *request.mutable_creds() = ToMessage(std::move(creds));
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kSetCreds, &Impl::Store::SetCreds, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::DeleteCreds(const std::string& session_id,
                                                  std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::DeleteCredsRequest request;
  request.set_session_id(session_id);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteCreds, &Impl::Store::DeleteCreds, std::move(request));
}

absl::StatusOr<Keys> Client::GetKeys(const std::string& session_id, const std::vector<KeyName>& names,
                                     std::uint64_t fence) {
  v1::GetKeysRequest request;
  request.set_session_id(session_id);
  for (v1::KeySelection& selection : ToSelections(names)) *request.add_keys() = std::move(selection);
  request.set_fence(fence);
  v1::GetKeysResponse response;
  const absl::Status status = impl_->Read(Rpc::kGetKeys, &Impl::Store::GetKeys, request, &response);
  if (!status.ok()) return status;
  return FromMessage(std::move(response));
}

absl::StatusOr<std::uint64_t> Client::SetKeys(const std::string& session_id, std::vector<KeyEntry> keys,
                                              std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::SetKeysRequest request;
  request.set_session_id(session_id);
  for (KeyEntry& entry : keys) *request.add_keys() = ToMessage(std::move(entry));
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kSetKeys, &Impl::Store::SetKeys, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::DeleteKeys(const std::string& session_id, const std::vector<KeyName>& names,
                                                 std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::DeleteKeysRequest request;
  request.set_session_id(session_id);
  for (v1::KeySelection& selection : ToSelections(names)) *request.add_keys() = std::move(selection);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteKeys, &Impl::Store::DeleteKeys, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::Commit(CommitRequest commit) {
  return impl_->Mutate(Rpc::kCommit, &Impl::Store::Commit, ToMessage(std::move(commit)));
}

absl::Status Client::LoadSession(const std::string& session_id, std::uint32_t page_bytes,
                                 absl::FunctionRef<absl::Status(SessionPage)> on_page, std::uint64_t fence,
                                 const SessionSelection& selection) {
  v1::LoadSessionRequest request = ToMessage(selection);
  request.set_session_id(session_id);
  request.set_page_bytes(page_bytes);
  request.set_fence(fence);
  return impl_->Load(request, on_page);
}

absl::StatusOr<SessionListing> Client::ListSessions(const SessionFilter& filter,
                                                    absl::FunctionRef<absl::Status(SessionSummary)> on_session) {
  SessionListing listing;
  v1::ListSessionsRequest request = ToMessage(filter);
  request.set_page_size(static_cast<std::uint32_t>(kMaxListPageSize));
  // A server whose pages go in a circle would keep its caller for ever.
  absl::flat_hash_set<std::string> tokens;
  do {
    v1::ListSessionsResponse response;
    absl::Status status = impl_->Read(Rpc::kListSessions, &Impl::Store::ListSessions, request, &response);
    // Each page is checked, as the next one may be another server's.
    if (status.ok()) status = impl_->CheckKnown(request, response.knows_fields_up_to());
    if (!status.ok()) return status;
    for (v1::Session& session : *response.mutable_sessions()) {
      SessionSummary summary = FromMessage(std::move(session));
      summary.revision_tells_all = response.revisions_tell_all();
      status = on_session(std::move(summary));
      if (!status.ok()) return status;
    }
    for (std::string& id : *response.mutable_unaddressable_ids()) listing.unaddressable_ids.push_back(std::move(id));
    if (!tokens.insert(response.next_page_token()).second) {
      return absl::InternalError(
          "ListSessions: the server led to the same page twice; its sessions were not all listed");
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return listing;
}

absl::StatusOr<std::string> Client::StoreId() {
  // Every page of a listing tells it, to whoever may read.
  v1::ListSessionsRequest request;
  request.set_page_size(1);
  v1::ListSessionsResponse response;
  absl::Status status = impl_->Read(Rpc::kListSessions, &Impl::Store::ListSessions, request, &response);
  if (!status.ok()) return status;
  return std::move(*response.mutable_store_id());
}

absl::StatusOr<std::uint64_t> Client::DeleteSession(const std::string& session_id,
                                                    std::optional<std::uint64_t> expected_revision,
                                                    std::uint64_t fence) {
  v1::DeleteSessionRequest request;
  request.set_session_id(session_id);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteSession, &Impl::Store::DeleteSession, std::move(request));
}

absl::StatusOr<Lease> Client::AcquireLease(const std::string& session_id, const std::string& owner, absl::Duration ttl,
                                           bool steal, std::uint64_t fence_step) {
  v1::AcquireLeaseRequest request;
  request.set_session_id(session_id);
  request.set_owner(owner);
  *request.mutable_ttl() = ToMessage(ttl);
  request.set_steal(steal);
  request.set_fence_step(fence_step);
  return impl_->LeaseOf<v1::AcquireLeaseResponse>(Rpc::kAcquireLease, &Impl::Store::AcquireLease, request);
}

absl::StatusOr<Lease> Client::RenewLease(const std::string& session_id, std::uint64_t fence, absl::Duration ttl) {
  v1::RenewLeaseRequest request;
  request.set_session_id(session_id);
  request.set_fence(fence);
  *request.mutable_ttl() = ToMessage(ttl);
  return impl_->LeaseOf<v1::RenewLeaseResponse>(Rpc::kRenewLease, &Impl::Store::RenewLease, request);
}

absl::Status Client::ReleaseLease(const std::string& session_id, std::uint64_t fence) {
  v1::ReleaseLeaseRequest request;
  request.set_session_id(session_id);
  request.set_fence(fence);
  return impl_->LeaseOf<v1::ReleaseLeaseResponse>(Rpc::kReleaseLease, &Impl::Store::ReleaseLease, request).status();
}

absl::StatusOr<Lease> Client::GetLease(const std::string& session_id) {
  v1::GetLeaseRequest request;
  request.set_session_id(session_id);
  return impl_->LeaseOf<v1::GetLeaseResponse>(Rpc::kGetLease, &Impl::Store::GetLease, request);
}

void Client::Cancel() { impl_->Cancel(); }

}  // namespace authstate::client
