#include "storage/write_behind/listing.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace authstate::storage {
namespace {

using Sessions = std::vector<SessionSummary>;

// Page by page of both, each up to where the shorter one of them goes.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(Backend& near, Backend& far, absl::flat_hash_set<std::string> at_home, ListRequest request,
          absl::Time deadline, Backend::ListDone done)
      : near_(near),
        far_(far),
        at_home_(std::move(at_home)),
        request_(std::move(request)),
        limit_(request_.limit),
        deadline_(deadline),
        done_(std::move(done)) {}

  void Next() {
    far_.List(request_, deadline_, [self = shared_from_this()](absl::StatusOr<Sessions> far) {
      if (!far.ok() || self->at_home_.empty()) return self->Answer(std::move(far));
      self->near_.List(self->request_, self->deadline_, [self, far = *std::move(far)](absl::StatusOr<Sessions> near) {
        if (!near.ok()) return self->Answer(near.status());
        self->Merge(far, *near);
      });
    });
  }

 private:
  void Answer(absl::StatusOr<Sessions> sessions) { std::move(done_)(std::move(sessions)); }

  // Up to where a page tells; nullopt: to the end.
  std::optional<std::string> End(const Sessions& page) const {
    if (page.size() < request_.limit) return std::nullopt;
    return page.back().session_id;
  }

  void Merge(const Sessions& far, const Sessions& near) {
    std::optional<std::string> end = End(far);
    const std::optional<std::string> end_of_near = End(near);
    if (!end.has_value() || (end_of_near.has_value() && *end_of_near < *end)) end = end_of_near;
    Sessions both;
    const auto add = [&](const Sessions& page, bool of_home) {
      for (const SessionSummary& session : page) {
        const bool beyond = end.has_value() && session.session_id > *end;
        if (!beyond && at_home_.contains(session.session_id) == of_home) both.push_back(session);
      }
    };
    add(far, false);
    add(near, true);
    std::sort(both.begin(), both.end(),
              [](const SessionSummary& a, const SessionSummary& b) { return a.session_id < b.session_id; });
    for (SessionSummary& session : both) {
      if (sessions_.size() < limit_) sessions_.push_back(std::move(session));
    }
    if (!end.has_value() || sessions_.size() == limit_) return Answer(std::move(sessions_));
    request_.after = *std::move(end);
    Next();
  }

  Backend& near_;
  Backend& far_;
  const absl::flat_hash_set<std::string> at_home_;
  ListRequest request_;
  const std::size_t limit_;
  const absl::Time deadline_;
  Backend::ListDone done_;
  Sessions sessions_;
};

}  // namespace

void ListBoth(Backend& near, Backend& far, absl::flat_hash_set<std::string> at_home, ListRequest request,
              absl::Time deadline, Backend::ListDone done) {
  std::make_shared<Listing>(near, far, std::move(at_home), std::move(request), deadline, std::move(done))->Next();
}

}  // namespace authstate::storage
