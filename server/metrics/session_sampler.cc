#include "server/metrics/session_sampler.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr int kRests = 50;
// A store that needs longer for a page is asked again later; a stop may have to wait for so long.
constexpr absl::Duration kPatience = absl::Seconds(3);
// Some twenty times what Baileys writes.
constexpr std::size_t kMostCredsBytes = std::size_t{64} << 10;

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
  backend_->List(std::move(request), began + kPatience,
                 [this, began](absl::StatusOr<Page> page) { OnPage(began, std::move(page)); });
}

void SessionSampler::OnPage(absl::Time began, absl::StatusOr<Page> page) {
  std::vector<storage::ReadRequest> reads;
  {
    const absl::MutexLock lock(&mutex_);
    if (!page.ok()) return Go(began, page.status(), 0);
    reads = ToRead(*page);
    if (reads.empty()) {
      Count(*page);
      return Go(began, absl::OkStatus(), page->size());
    }
  }
  backend_->Read(std::move(reads), began + kPatience,
                 [this, began, page = *std::move(page)](std::vector<absl::StatusOr<storage::ReadResult>> creds) {
                   OnCreds(began, page, creds);
                 });
}

std::vector<storage::ReadRequest> SessionSampler::ToRead(const Page& page) {
  std::vector<storage::ReadRequest> reads;
  std::uint64_t place = so_far_.with_creds() + listings_;
  for (const storage::SessionSummary& session : page) {
    if (!session.has_creds) continue;
    const bool chosen = place++ % stride_ == 0;
    if (!chosen || so_far_.looked_at + reads.size() >= options_.states) continue;
    storage::ReadRequest& read = reads.emplace_back();
    read.session_id = session.session_id;
    read.want_creds = true;
    read.max_bytes = kMostCredsBytes;
  }
  return reads;
}

void SessionSampler::OnCreds(absl::Time began, const Page& page,
                             const std::vector<absl::StatusOr<storage::ReadResult>>& creds) {
  const absl::MutexLock lock(&mutex_);
  for (const absl::StatusOr<storage::ReadResult>& read : creds) {
    if (!read.ok() && !absl::IsDataLoss(read.status())) {
      // No creds of Baileys are so large, and none is a reason to list all anew.
      if (storage::ReasonOf(read.status()) == storage::kResponseTooLarge) continue;
      return Go(began, read.status(), 0);
    }
    // Deleted meanwhile.
    if (read.ok() && !read->creds.has_value()) continue;
    const SessionState state = read.ok() ? StateOf(read->creds) : SessionState::kDamaged;
    ++so_far_.states.at(static_cast<std::size_t>(state) - 1);
    ++so_far_.looked_at;
  }
  Count(page);
  Go(began, absl::OkStatus(), page.size());
}

void SessionSampler::Count(const Page& page) {
  const absl::Time idle_since = absl::Now() - kIdle;
  for (const storage::SessionSummary& session : page) {
    ++so_far_.sessions;
    if (!session.has_creds) ++so_far_.without_creds;
    so_far_.keys += session.key_count;
    so_far_.bytes += session.stored_bytes;
    if (session.lease.live()) ++so_far_.leased;
    if (session.update_time < idle_since) ++so_far_.idle;
  }
  if (!page.empty()) after_ = page.back().session_id;
}

void SessionSampler::Go(absl::Time began, const absl::Status& status, std::size_t listed) {
  const absl::Time now = absl::Now();
  absl::Duration rest = (now - began) * kRests;
  const bool was_last = status.ok() && listed < page_;
  const bool took_too_long = absl::IsDeadlineExceeded(status) && page_ > 1;
  if (was_last) {
    counts_ = so_far_;
    counts_.listed = now;
    stride_ = std::max<std::uint64_t>(1, (counts_.with_creds() + options_.states - 1) / options_.states);
    ++listings_;
    // What made pages small may have been a lock that is gone.
    page_ = std::min(page_ * 2, options_.page);
  }
  if (took_too_long) {
    page_ /= 2;
  } else if (was_last || !status.ok()) {
    // What could not be listed to its end is begun anew.
    so_far_ = {};
    after_.clear();
    rest += options_.pause;
  }
  if (!stopped_) next_.Set(now + rest);
  listing_ = false;
}

}  // namespace authstate::server
