#include "storage/near/far_homes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "storage/error.h"
#include "storage/lease.h"

namespace authstate::storage {

std::optional<HomeOwner> ParseHomeOwner(absl::string_view owner) {
  if (!absl::ConsumePrefix(&owner, kHomeOwnerPrefix)) return std::nullopt;
  const std::size_t at = owner.find('@');
  if (at == absl::string_view::npos) return HomeOwner{std::string(owner), ""};
  return HomeOwner{std::string(owner.substr(0, at)), std::string(owner.substr(at + 1))};
}

void ListFarHomes(Backend& far, const std::string& store_id, std::string after, std::size_t limit, absl::Time deadline,
                  absl::AnyInvocable<void(absl::StatusOr<std::vector<FarHome>>) &&> done) {
  ListRequest request;
  request.leased = true;
  request.owner_prefix = absl::StrCat(kHomeOwnerPrefix, store_id);
  request.after = std::move(after);
  request.limit = limit;
  far.List(std::move(request), deadline,
           [done = std::move(done)](absl::StatusOr<std::vector<SessionSummary>> sessions) mutable {
             if (!sessions.ok()) return std::move(done)(sessions.status());
             std::vector<FarHome> homes;
             homes.reserve(sessions->size());
             for (SessionSummary& session : *sessions) {
               FarHome& home = homes.emplace_back();
               home.session_id = std::move(session.session_id);
               home.owner = ParseHomeOwner(session.lease.owner).value_or(HomeOwner());
               home.revision = session.revision;
               // The row of a session that was never written has the time at which it got its first lease.
               if (session.revision > 0) home.write_time = session.update_time;
             }
             std::move(done)(std::move(homes));
           });
}

void AbandonHome(Backend& far, std::string session_id, std::string store_id, absl::Time deadline,
                 absl::AnyInvocable<void(absl::StatusOr<AbandonedHome>) &&> done) {
  LeaseRequest get;
  get.session_id = session_id;
  far.Leases({get}, deadline,
             [&far, session_id = std::move(session_id), store_id = std::move(store_id), deadline,
              done = std::move(done)](const std::vector<absl::StatusOr<LeaseResult>>& found) mutable {
               if (!found.front().ok()) return std::move(done)(found.front().status());
               const LeaseResult& session = *found.front();
               const std::optional<HomeOwner> home = ParseHomeOwner(session.lease.owner);
               if (!home.has_value() || home->store_id != store_id) {
                 return std::move(done)(AbandonedHome{false, session.revision, session.lease.owner});
               }
               LeaseRequest release;
               release.session_id = session_id;
               release.action = LeaseRequest::Action::kRelease;
               release.fence = session.lease.fence;
               far.Leases({release}, deadline,
                          [&far, session_id = std::move(session_id), store_id = std::move(store_id), deadline,
                           done = std::move(done)](const std::vector<absl::StatusOr<LeaseResult>>& released) mutable {
                            const absl::Status& status = released.front().status();
                            // It has moved meanwhile, also to a home of the same store that has begun anew.
                            if (ReasonOf(status) == kStaleFence) {
                              return AbandonHome(far, std::move(session_id), std::move(store_id), deadline,
                                                 std::move(done));
                            }
                            if (!status.ok()) return std::move(done)(status);
                            std::move(done)(AbandonedHome{true, released.front()->revision - kRevisionsOfAHome, ""});
                          });
             });
}

}  // namespace authstate::storage
