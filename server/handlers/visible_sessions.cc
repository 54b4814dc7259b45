#include "server/handlers/visible_sessions.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/match.h"

namespace authstate::server {
namespace {

// A list on its way through the scopes.
struct Walk {
  storage::Backend* backend;
  storage::ListRequest list;
  std::vector<storage::SessionScope> visible;
  // The scope that is asked next.
  std::size_t next = 0;
  absl::Time deadline;
  storage::Backend::ListDone done;
  std::vector<storage::SessionSummary> found;
};

// What of the list is within the scope, and still to come; nullopt: nothing.
std::optional<storage::ListRequest> Within(const storage::SessionScope& scope, const storage::ListRequest& list) {
  storage::ListRequest part = list;
  if (absl::StartsWith(scope.id, list.prefix)) {
    part.prefix = scope.id;
  } else if (!scope.Covers(list.prefix)) {
    return std::nullopt;
  }
  if (list.after < part.prefix) {
    part.after.clear();
  } else if (!scope.prefix || !absl::StartsWith(list.after, part.prefix)) {
    return std::nullopt;
  }
  // The id itself is the first of those that begin with it.
  if (!scope.prefix) part.limit = 1;
  return part;
}

void Continue(Walk walk) {
  while (walk.next < walk.visible.size() && walk.found.size() < walk.list.limit) {
    std::optional<storage::ListRequest> part = Within(walk.visible[walk.next], walk.list);
    if (!part.has_value()) {
      ++walk.next;
      continue;
    }
    part->limit = std::min(part->limit, walk.list.limit - walk.found.size());
    storage::Backend* const backend = walk.backend;
    const absl::Time deadline = walk.deadline;
    backend->List(*std::move(part), deadline,
                  [walk = std::move(walk)](absl::StatusOr<std::vector<storage::SessionSummary>> sessions) mutable {
                    if (!sessions.ok()) return std::move(walk.done)(sessions.status());
                    const storage::SessionScope& scope = walk.visible[walk.next++];
                    for (storage::SessionSummary& session : *sessions) {
                      if (scope.Covers(session.session_id)) walk.found.push_back(std::move(session));
                    }
                    Continue(std::move(walk));
                  });
    return;
  }
  std::move(walk.done)(std::move(walk.found));
}

}  // namespace

void ListVisible(storage::Backend* backend, storage::ListRequest list, std::vector<storage::SessionScope> visible,
                 absl::Time deadline, storage::Backend::ListDone done) {
  Walk walk;
  walk.backend = backend;
  walk.list = std::move(list);
  walk.visible = std::move(visible);
  walk.deadline = deadline;
  walk.done = std::move(done);
  Continue(std::move(walk));
}

}  // namespace authstate::server
