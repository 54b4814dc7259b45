#include "server/handlers/auth_state_handlers.h"

#include <utility>
#include <vector>

#include "server/handlers/commit_id.h"
#include "server/handlers/request_validation.h"
#include "server/handlers/selection_validation.h"
#include "server/handlers/session_listing.h"
#include "server/handlers/state_messages.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

// A batch of one.
template <typename T>
std::vector<T> One(T member) {
  std::vector<T> batch;
  batch.push_back(std::move(member));
  return batch;
}

v1::GetKeysResponse ToKeysResponse(std::vector<storage::KeyName> names, storage::ReadResult result) {
  v1::GetKeysResponse response;
  response.set_revision(result.revision);
  MoveToProto(std::move(names), std::move(result.values), response.mutable_found(), response.mutable_absent());
  return response;
}

}  // namespace

template <typename Response, typename Request>
void AuthStateHandlers::Apply(Request request, absl::Time deadline, Respond<Response> respond) {
  absl::StatusOr<storage::Commit> commit = Validate(std::move(request));
  if (!commit.ok()) return std::move(respond)(commit.status());
  if (commit->id == 0) commit->id = NewCommitId();
  // By which a later attempt, or the store after a lost answer, finds that it was applied.
  if (commit->carried.has_value()) commit->carried->recent.Add(commit->id, commit->carried->revision);
  backend_->Apply(One(*std::move(commit)), deadline,
                  [respond = std::move(respond)](std::vector<absl::StatusOr<storage::Applied>> results) mutable {
                    if (!results[0].ok()) return std::move(respond)(results[0].status());
                    Response response;
                    response.set_revision(results[0]->revision);
                    std::move(respond)(std::move(response));
                  });
}

void AuthStateHandlers::Handle(v1::GetCredsRequest request, absl::Time deadline,
                               Respond<v1::GetCredsResponse> respond) {
  absl::StatusOr<storage::ReadRequest> read = Validate(std::move(request));
  if (!read.ok()) return std::move(respond)(read.status());
  backend_->Read(One(*std::move(read)), deadline,
                 [respond = std::move(respond)](std::vector<absl::StatusOr<storage::ReadResult>> results) mutable {
                   if (!results[0].ok()) return std::move(respond)(results[0].status());
                   storage::ReadResult& result = *results[0];
                   if (!result.creds.has_value()) return std::move(respond)(storage::NoCreds(result.revision));
                   v1::GetCredsResponse response;
                   response.set_revision(result.revision);
                   MoveToProto(*std::move(result.creds), response.mutable_creds());
                   std::move(respond)(std::move(response));
                 });
}

void AuthStateHandlers::Handle(v1::GetKeysRequest request, absl::Time deadline, Respond<v1::GetKeysResponse> respond) {
  absl::StatusOr<storage::ReadRequest> read = Validate(std::move(request));
  if (!read.ok()) return std::move(respond)(read.status());
  std::vector<storage::KeyName> names = read->keys;
  backend_->Read(One(*std::move(read)), deadline,
                 [respond = std::move(respond),
                  names = std::move(names)](std::vector<absl::StatusOr<storage::ReadResult>> results) mutable {
                   if (!results[0].ok()) return std::move(respond)(results[0].status());
                   std::move(respond)(ToKeysResponse(std::move(names), *std::move(results[0])));
                 });
}

void AuthStateHandlers::Handle(v1::ListSessionsRequest request,
                               absl::StatusOr<std::vector<storage::SessionScope>> visible, absl::Time deadline,
                               Respond<v1::ListSessionsResponse> respond) {
  if (!visible.ok()) return std::move(respond)(visible.status());
  absl::StatusOr<Listing> listing = Validate(std::move(request));
  if (!listing.ok()) return std::move(respond)(listing.status());
  ListSessions(backend_, *std::move(listing), *std::move(visible), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::SetCredsRequest request, absl::Time deadline,
                               Respond<v1::SetCredsResponse> respond) {
  Apply<v1::SetCredsResponse>(std::move(request), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::DeleteCredsRequest request, absl::Time deadline,
                               Respond<v1::DeleteCredsResponse> respond) {
  Apply<v1::DeleteCredsResponse>(std::move(request), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::SetKeysRequest request, absl::Time deadline, Respond<v1::SetKeysResponse> respond) {
  Apply<v1::SetKeysResponse>(std::move(request), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::DeleteKeysRequest request, absl::Time deadline,
                               Respond<v1::DeleteKeysResponse> respond) {
  Apply<v1::DeleteKeysResponse>(std::move(request), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::CommitRequest request, absl::Time deadline, Respond<v1::CommitResponse> respond) {
  Apply<v1::CommitResponse>(std::move(request), deadline, std::move(respond));
}

void AuthStateHandlers::Handle(v1::DeleteSessionRequest request, absl::Time deadline,
                               Respond<v1::DeleteSessionResponse> respond) {
  Apply<v1::DeleteSessionResponse>(std::move(request), deadline, std::move(respond));
}

}  // namespace authstate::server
