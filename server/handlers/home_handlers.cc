#include "server/handlers/home_handlers.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/page_token.h"
#include "server/handlers/request_error.h"
#include "server/handlers/state_messages.h"
#include "server/log/logging.h"
#include "storage/error.h"
#include "storage/near/far_homes.h"
#include "storage/near/store_id.h"

namespace authstate::server {
namespace {

absl::Status CheckStoreId(const std::string& store_id) {
  return storage::IsStoreId(store_id) ? absl::OkStatus()
                                      : InvalidField("store_id", "is not 32 hexadecimal digits in lower case");
}

v1::Home ToMessage(storage::FarHome home) {
  v1::Home message;
  message.set_session_id(std::move(home.session_id));
  message.set_store_id(std::move(home.owner.store_id));
  message.set_address(std::move(home.owner.address));
  message.set_revision(home.revision);
  if (home.write_time.has_value()) SetMicros(absl::ToUnixMicros(*home.write_time), message.mutable_write_time());
  return message;
}

}  // namespace

void HomeHandlers::Handle(const v1::ListHomesRequest& request, absl::Time deadline,
                          Respond<v1::ListHomesResponse> respond) {
  if (!request.store_id().empty()) {
    if (absl::Status checked = CheckStoreId(request.store_id()); !checked.ok()) {
      return std::move(respond)(std::move(checked));
    }
  }
  if (request.page_size() > kMaxListPageSize) {
    return std::move(respond)(InvalidField("page_size", absl::StrCat("more than ", kMaxListPageSize)));
  }
  std::string after;
  if (!request.page_token().empty()) {
    absl::StatusOr<std::string> last = ParsePageToken(request.page_token());
    if (!last.ok()) return std::move(respond)(last.status());
    after = *std::move(last);
  }
  const std::size_t size = request.page_size() == 0 ? kDefaultListPageSize : request.page_size();
  storage::ListFarHomes(
      *backend_, request.store_id(), std::move(after), size, deadline,
      [size, respond = std::move(respond)](absl::StatusOr<std::vector<storage::FarHome>> homes) mutable {
        if (!homes.ok()) return std::move(respond)(homes.status());
        v1::ListHomesResponse response;
        if (homes->size() == size) {
          response.set_next_page_token(MakePageToken(homes->back().session_id));
        }
        for (storage::FarHome& home : *homes) *response.add_homes() = ToMessage(std::move(home));
        std::move(respond)(std::move(response));
      });
}

void HomeHandlers::Handle(const v1::AbandonHomeRequest& request, absl::Time deadline,
                          Respond<v1::AbandonHomeResponse> respond) {
  if (const absl::Status rule = CheckSessionId(request.session_id()); !rule.ok()) {
    return std::move(respond)(InvalidField("session_id", rule.message()));
  }
  if (absl::Status checked = CheckStoreId(request.store_id()); !checked.ok()) {
    return std::move(respond)(std::move(checked));
  }
  const std::optional<storage::WriteBehindState> own = write_behind_();
  if (own.has_value() && own->store_id == request.store_id()) {
    return std::move(respond)(
        storage::WithOutcome(storage::Error(absl::StatusCode::kFailedPrecondition, storage::kHomeServed,
                                            "store_id: is the file of this server, which serves what is at home in it"),
                             storage::Outcome::kNotApplied));
  }
  storage::AbandonHome(
      *backend_, request.session_id(), request.store_id(), deadline,
      [session_id = request.session_id(), store_id = request.store_id(),
       respond = std::move(respond)](const absl::StatusOr<storage::AbandonedHome>& home) mutable {
        if (!home.ok()) return std::move(respond)(home.status());
        if (home->abandoned) {
          Log(LogLevel::kWarn, "home abandoned",
              {{"session_id", session_id}, {"store", store_id}, {"revision", absl::StrCat(home->revision)}});
        }
        v1::AbandonHomeResponse response;
        response.set_abandoned(home->abandoned);
        response.set_revision(home->revision);
        response.set_owner(home->owner);
        std::move(respond)(std::move(response));
      });
}

}  // namespace authstate::server
