#include "server/handlers/session_listing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/page_token.h"
#include "server/handlers/state_messages.h"
#include "server/handlers/visible_sessions.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr std::size_t kMostStates = 256;
constexpr std::size_t kMostCredsBytes = std::size_t{256} << 10;

// A page on its way.
struct Page {
  std::vector<storage::SessionSummary> sessions;
  // The state of each, where states are wanted; nullopt: the session is gone.
  std::vector<std::optional<SessionState>> states;
  // Whether another page follows.
  bool more = false;
  bool revisions_tell_all = false;
  std::string store_id;

  void CutTo(std::size_t size) {
    if (sessions.size() <= size) return;
    sessions.resize(size);
    more = true;
  }
};

// What other programs write to the legacy tables moves no revision (docs/legacy.md).
bool TellsAllByRevisions(const storage::Description& backend) {
  return backend.kind != "postgres" || backend.layout == "native";
}

// No more of `id` than an id may have, and no half of a character.
std::string Cut(std::string id) {
  if (id.size() <= kMaxSessionIdBytes) return id;
  id.resize(kMaxSessionIdBytes);
  while (!IsValidUtf8(id)) id.pop_back();
  return id;
}

v1::ListSessionsResponse ToResponse(Page page, const Listing& listing) {
  v1::ListSessionsResponse response;
  response.set_knows_fields_up_to(KnownFieldsOf<v1::ListSessionsRequest>());
  response.set_revisions_tell_all(page.revisions_tell_all);
  response.set_store_id(std::move(page.store_id));
  if (page.more) response.set_next_page_token(MakePageToken(page.sessions.back().session_id));
  for (std::size_t i = 0; i < page.sessions.size(); ++i) {
    storage::SessionSummary& summary = page.sessions[i];
    // Other programs make rows of the legacy tables, under any id.
    if (!CheckSessionId(summary.session_id).ok()) {
      response.add_unaddressable_ids(Cut(std::move(summary.session_id)));
      continue;
    }
    if (listing.want_state && !page.states[i].has_value()) continue;
    const std::vector<SessionState>& states = listing.states;
    if (!states.empty() && std::find(states.begin(), states.end(), *page.states[i]) == states.end()) continue;
    v1::Session* const session = response.add_sessions();
    session->set_session_id(std::move(summary.session_id));
    session->set_revision(summary.revision);
    session->set_has_creds(summary.has_creds);
    session->set_key_count(summary.key_count);
    SetMicros(absl::ToUnixMicros(summary.update_time), session->mutable_update_time());
    ToProto(summary.lease, session->mutable_lease());
    session->set_stored_bytes(summary.stored_bytes);
    if (listing.want_state) session->set_state(static_cast<v1::SessionState>(*page.states[i]));
  }
  return response;
}

// Reads the creds of the page's sessions and tells their states. A page whose first creds are too large becomes one of
// that session alone, and is read again without a bound.
void TellStates(storage::Backend* backend, Page page, Listing listing, absl::Time deadline,
                Respond<v1::ListSessionsResponse> respond) {
  std::vector<storage::ReadRequest> reads;
  // The place in the page that the session of each read has.
  std::vector<std::size_t> places;
  page.states.assign(page.sessions.size(), StateOf(std::nullopt));
  for (std::size_t i = 0; i < page.sessions.size(); ++i) {
    if (!page.sessions[i].has_creds) continue;
    storage::ReadRequest& read = reads.emplace_back();
    read.session_id = page.sessions[i].session_id;
    read.want_creds = true;
    if (page.sessions.size() > 1) read.max_bytes = kMostCredsBytes;
    places.push_back(i);
  }
  if (reads.empty()) return std::move(respond)(ToResponse(std::move(page), listing));
  backend->Read(
      std::move(reads), deadline,
      [backend, page = std::move(page), listing = std::move(listing), deadline, places = std::move(places),
       respond = std::move(respond)](const std::vector<absl::StatusOr<storage::ReadResult>>& results) mutable {
        for (std::size_t i = 0; i < results.size(); ++i) {
          const absl::StatusOr<storage::ReadResult>& read = results[i];
          std::optional<SessionState>& state = page.states[places[i]];
          if (read.ok()) {
            state = read->exists ? std::make_optional(StateOf(read->creds)) : std::nullopt;
          } else if (absl::IsDataLoss(read.status())) {
            state = SessionState::kDamaged;
          } else if (storage::ReasonOf(read.status()) != storage::kResponseTooLarge) {
            return std::move(respond)(read.status());
          } else if (places[i] > 0) {
            page.CutTo(places[i]);
            break;
          } else {
            page.CutTo(1);
            return TellStates(backend, std::move(page), std::move(listing), deadline, std::move(respond));
          }
        }
        std::move(respond)(ToResponse(std::move(page), listing));
      });
}

}  // namespace

void ListSessions(storage::Backend* backend, Listing listing, std::vector<storage::SessionScope> visible,
                  absl::Time deadline, Respond<v1::ListSessionsResponse> respond) {
  storage::ListRequest list = listing.list;
  if (listing.want_state) list.limit = std::min(list.limit, kMostStates);
  const std::size_t page_size = list.limit++;
  ListVisible(backend, std::move(list), std::move(visible), deadline,
              [backend, listing = std::move(listing), deadline, page_size,
               respond = std::move(respond)](absl::StatusOr<std::vector<storage::SessionSummary>> sessions) mutable {
                if (!sessions.ok()) return std::move(respond)(sessions.status());
                Page page;
                page.sessions = *std::move(sessions);
                page.CutTo(page_size);
                storage::Description store = backend->Describe();
                page.revisions_tell_all = TellsAllByRevisions(store);
                page.store_id = std::move(store.store_id);
                if (!listing.want_state) return std::move(respond)(ToResponse(std::move(page), listing));
                TellStates(backend, std::move(page), std::move(listing), deadline, std::move(respond));
              });
}

}  // namespace authstate::server
