#include "server/handlers/selection_validation.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/duration_field.h"
#include "server/handlers/page_token.h"
#include "server/handlers/request_error.h"

namespace authstate::server {
namespace {

absl::Status At(absl::string_view field, const absl::Status& rule) {
  return rule.ok() ? rule : InvalidField(field, rule.message());
}

// How long ago something is to be.
absl::StatusOr<absl::Duration> TakeAge(absl::string_view field, const google::protobuf::Duration& message) {
  absl::StatusOr<absl::Duration> age = DurationField(field, message);
  if (!age.ok()) return age;
  if (*age < absl::ZeroDuration()) return InvalidField(field, "is negative");
  constexpr int kHoursOfADay = 24;
  if (*age > absl::Hours(kMaxAgeDays * kHoursOfADay)) {
    return InvalidField(field, absl::StrCat("more than ", kMaxAgeDays, " days"));
  }
  return age;
}

}  // namespace

absl::StatusOr<Loading> Validate(v1::LoadSessionRequest request) {
  absl::Status status = At("session_id", CheckSessionId(request.session_id()));
  if (!status.ok()) return status;
  if (request.page_bytes() > kMaxLoadPageBytes) {
    return InvalidField("page_bytes", absl::StrCat("more than ", kMaxLoadPageBytes));
  }
  if (static_cast<std::size_t>(request.types_size()) > kMaxSelectedTypes) {
    return InvalidField("types", absl::StrCat("more than ", kMaxSelectedTypes));
  }
  Loading loading;
  for (int i = 0; i < request.types_size(); ++i) {
    status = At(absl::StrCat("types[", i, "]"), CheckKeyType(request.types(i)));
    if (!status.ok()) return status;
    loading.snapshot.types.push_back(std::move(*request.mutable_types(i)));
  }
  if (request.has_unchanged_for()) {
    const absl::StatusOr<absl::Duration> age = TakeAge("unchanged_for", request.unchanged_for());
    if (!age.ok()) return age.status();
    loading.snapshot.unchanged_for = *age;
  }
  loading.snapshot.session_id = std::move(*request.mutable_session_id());
  loading.snapshot.want_creds = !request.without_creds();
  loading.snapshot.want_values = !request.without_values();
  loading.page_bytes = request.page_bytes() == 0 ? kDefaultLoadPageBytes : request.page_bytes();
  loading.fence = request.fence();
  return loading;
}

absl::StatusOr<Listing> Validate(v1::ListSessionsRequest request) {
  if (request.page_size() > kMaxListPageSize) {
    return InvalidField("page_size", absl::StrCat("more than ", kMaxListPageSize));
  }
  absl::Status status = At("prefix", CheckSessionIdPrefix(request.prefix()));
  if (!status.ok()) return status;
  Listing listing;
  storage::ListRequest& list = listing.list;
  if (!request.page_token().empty()) {
    absl::StatusOr<std::string> after = ParsePageToken(request.page_token());
    if (!after.ok()) return after.status();
    list.after = *std::move(after);
  }
  if (request.has_unwritten_for()) {
    const absl::StatusOr<absl::Duration> age = TakeAge("unwritten_for", request.unwritten_for());
    if (!age.ok()) return age.status();
    list.unwritten_for = *age;
  }
  for (int i = 0; i < request.states_size(); ++i) {
    const v1::SessionState state = request.states(i);
    if (state == v1::SESSION_STATE_UNSPECIFIED || !v1::SessionState_IsValid(state)) {
      return InvalidField(absl::StrCat("states[", i, "]"), "is no state of a session");
    }
    listing.states.push_back(static_cast<SessionState>(state));
  }
  if (request.has_has_creds()) list.has_creds = request.has_creds();
  list.prefix = std::move(*request.mutable_prefix());
  list.limit = request.page_size() == 0 ? kDefaultListPageSize : request.page_size();
  list.leased = request.leased();
  list.want_size = request.with_size();
  listing.want_state = request.with_state() || !listing.states.empty();
  return listing;
}

}  // namespace authstate::server
