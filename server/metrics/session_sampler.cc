#include "server/metrics/session_sampler.h"

#include <utility>

#include "absl/time/clock.h"

namespace authstate::server {
namespace {

constexpr int kRests = 50;
// A store that needs longer for a page is asked again later; a stop may have to wait for so long.
constexpr absl::Duration kPatience = absl::Seconds(3);

}  // namespace

SessionSampler::SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer, Options options)
    : backend_(backend), options_(options), page_(options.page), next_(timer, [this] { List(); }) {
  next_.Set(absl::Now());
}

SessionSampler::SessionSampler(storage::Backend* backend, storage::DeadlineTimer& timer)
    : SessionSampler(backend, timer, Options()) {}

SessionSampler::~SessionSampler() {
  const auto at_rest = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !listing_; };
  const absl::MutexLock lock(&mutex_);
  stopped_ = true;
  mutex_.Await(absl::Condition(&at_rest));
}

SessionSampler::Counts SessionSampler::counts() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

void SessionSampler::List() {
  storage::ListRequest request;
  request.want_size = true;
  {
    const absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    listing_ = true;
    request.limit = page_;
    request.after = after_;
  }
  const absl::Time began = absl::Now();
  backend_->List(
      std::move(request), began + kPatience,
      [this, began](absl::StatusOr<std::vector<storage::SessionSummary>> page) { OnPage(began, std::move(page)); });
}

void SessionSampler::OnPage(absl::Time began, absl::StatusOr<std::vector<storage::SessionSummary>> page) {
  const absl::Time now = absl::Now();
  const absl::MutexLock lock(&mutex_);
  absl::Duration rest = (now - began) * kRests;
  if (page.ok()) {
    for (const storage::SessionSummary& session : *page) {
      ++so_far_.sessions;
      if (!session.has_creds) ++so_far_.without_creds;
      so_far_.keys += session.key_count;
      so_far_.bytes += session.stored_bytes;
      if (session.lease.live()) ++so_far_.leased;
    }
    if (!page->empty()) after_ = page->back().session_id;
  }
  const bool was_last = page.ok() && page->size() < page_;
  const bool took_too_long = absl::IsDeadlineExceeded(page.status()) && page_ > 1;
  if (was_last) {
    counts_ = std::exchange(so_far_, {});
    counts_.listed = now;
  }
  if (took_too_long) {
    page_ /= 2;
  } else if (was_last || !page.ok()) {
    // What could not be listed to its end is begun anew.
    so_far_ = {};
    after_.clear();
    rest += options_.pause;
  }
  if (!stopped_) next_.Set(now + rest);
  listing_ = false;
}

}  // namespace authstate::server
